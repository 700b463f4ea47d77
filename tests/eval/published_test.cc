// SPDX-License-Identifier: Apache-2.0
// Results that other programs published for their own sample data.
#include <algorithm>
#include <limits>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "eval/match_rule.h"
#include "sap/eval/froc.h"
#include "sap/image/volume_io.h"
#include "support/golden.h"
#include "support/shared_folder.h"

namespace sap::eval {
namespace {

using nlohmann::json;

TEST(PublishedPicai, CountsOverlapsApAndAurocAreReproduced) {
  SAP_REQUIRE_SHARED(folder, "data/detection_eval_picai");
  const json expected =
      testing::ReadGoldenJson(folder / "output-expected" / "metrics-expected.json");
  const MatchOptions options{.matching = Matching::kIou, .connectivity = 26};
  std::vector<double> lesion_scores;
  std::vector<double> fp_scores;
  std::vector<double> with_lesion;
  std::vector<double> without_lesion;
  for (const auto& [id, rows] : expected.at("lesion_results").items()) {
    const Volume map = ReadVolume(folder / "test-maps" / (id + "_detection_map.nii.gz"));
    const Tensor reference_XYZ =
        ReadLabels(folder / "test-maps" / (id + "_label.nii.gz")).data() != 0;
    const LabelledCase labelled =
        LabelCase(reference_XYZ, map.data() > 0, map.geometry().spacing_mm, options);
    MatchResult match = MatchLesions(labelled, options);
    ScoreCandidates(labelled, map.data(), match);
    DetectionCounts published;
    std::vector<double> overlaps;
    for (const json& row : rows) {
      const bool is_lesion = row[0].get<int>() == 1;
      const bool hit = is_lesion && row[1].get<double>() > 0;
      published.lesions += is_lesion ? 1 : 0;
      published.detected += hit ? 1 : 0;
      published.false_positives += is_lesion ? 0 : 1;
      if (hit) overlaps.push_back(row[2].get<double>());
    }
    const DetectionCounts counts = CountAll(match);
    EXPECT_EQ(counts.lesions, published.lesions) << id;
    EXPECT_EQ(counts.detected, published.detected) << id;
    EXPECT_EQ(counts.false_positives, published.false_positives) << id;
    std::size_t k = 0;
    for (const ReferenceLesion& lesion : match.lesions) {
      double score = -std::numeric_limits<double>::infinity();
      for (const int64_t c : lesion.candidates) {
        score = std::max(score, match.candidates[static_cast<std::size_t>(c)].score);
        const double dice = lesion.PairDice();
        if (k < overlaps.size()) {
          EXPECT_NEAR(dice / (2 - dice), overlaps[k++], 1e-6) << id;
        }
      }
      lesion_scores.push_back(score);
    }
    for (const Candidate& candidate : match.candidates) {
      if (candidate.false_positive) fp_scores.push_back(candidate.score);
    }
    const double case_score = map.data().max().item<double>();
    (match.lesions.empty() ? without_lesion : with_lesion).push_back(case_score);
  }
  EXPECT_NEAR(AveragePrecision(lesion_scores, fp_scores), expected.at("AP").get<double>(), 1e-12);
  EXPECT_NEAR(Auroc(with_lesion, without_lesion), expected.at("auroc").get<double>(), 1e-12);
}

// Components of each label, numbered through.
Tensor Instances(const Tensor& labels_XYZ, int64_t& count) {
  Tensor instances_XYZ = at::zeros(labels_XYZ.sizes(), at::kInt);
  count = 0;
  for (int64_t label = 1; label <= labels_XYZ.max().item<int64_t>(); ++label) {
    const Components found = LabelComponents(labels_XYZ.eq(label), Connectivity::k26);
    instances_XYZ += at::where(found.labels_XYZ.gt(0), found.labels_XYZ + count, 0);
    count += std::ssize(found.list);
  }
  return instances_XYZ;
}

// IoU of each (reference, predicted) pair, 0 below `limit`.
std::vector<std::vector<double>> PairIou(
    const Tensor& g, const Tensor& p, int64_t num_g, int64_t num_p, double limit) {
  const Tensor joint =
      at::bincount((g.to(at::kLong) * (num_p + 1) + p).flatten(), {}, (num_g + 1) * (num_p + 1))
          .view({num_g + 1, num_p + 1})
          .to(at::kDouble);
  const Tensor together = joint.sum(1, true) + joint.sum(0, true) - joint;
  const Tensor iou = joint / together;
  std::vector<std::vector<double>> weight;
  for (int64_t i = 1; i <= num_g; ++i) {
    weight.emplace_back();
    for (int64_t j = 1; j <= num_p; ++j) {
      const double value = iou[i][j].item<double>();
      weight.back().push_back(value >= limit ? value : 0.0);
    }
  }
  return weight;
}

// Values printed in panoptica's tutorial for this pair: components of each label are matched
// whatever their label by IoU >= 0.5; distances are in voxels.
TEST(PublishedPanoptica, InstanceQualityOfTheSpineIsReproduced) {
  SAP_REQUIRE_SHARED(folder, "data/spine_eval_panoptica/semantic");
  int64_t num_g = 0;
  int64_t num_p = 0;
  const Tensor g = Instances(ReadLabels(folder / "ref.nii.gz").data(), num_g);
  const Tensor p = Instances(ReadLabels(folder / "pred.nii.gz").data(), num_p);
  EXPECT_EQ(num_g, 87);
  EXPECT_EQ(num_p, 89);
  const auto weight = PairIou(g, p, num_g, num_p, 0.5);
  const std::vector<int64_t> partner_of = AssignPairs(weight);
  double tp = 0;
  double iou_sum = 0;
  double dice_sum = 0;
  double distance_sum_vox = 0;
  for (std::size_t i = 0; i < partner_of.size(); ++i) {
    if (partner_of[i] < 0) continue;
    ++tp;
    iou_sum += weight[i][static_cast<std::size_t>(partner_of[i])];
    const Tensor reference = g.eq(static_cast<int64_t>(i) + 1);
    const Tensor predicted = p.eq(partner_of[i] + 1);
    dice_sum += Dice(reference, predicted);
    distance_sum_vox += CompareSurfaces(reference, predicted, {1, 1, 1}, {}).assd_border_mm;
  }
  EXPECT_EQ(tp, 73);
  const auto fp = static_cast<double>(num_p) - tp;
  const auto fn = static_cast<double>(num_g) - tp;
  EXPECT_NEAR(iou_sum / tp, 0.7940127477906024, 1e-12);
  EXPECT_NEAR(iou_sum / (tp + 0.5 * (fp + fn)), 0.6586696657808406, 1e-12);
  EXPECT_NEAR(dice_sum / tp, 0.8802182546605446, 1e-12);
  EXPECT_NEAR(distance_sum_vox / tp, 0.2057371092494465, 1e-6);
}

}  // namespace
}  // namespace sap::eval
