// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/detection.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <limits>

#include <ATen/ATen.h>

#include "eval/probability_scan.h"
#include "eval/volume_rule.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/eval/stats.h"
#include "sap/eval/threshold.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

double AsDouble(int64_t count) {
  return static_cast<double>(count);
}

// Precision of an exam without positives: its lesions were all missed (0), or there is nothing
// to be precise about (NaN).
double RatioOr(double numerator, double denominator, bool has_lesions) {
  if (denominator > 0) return numerator / denominator;
  return has_lesions ? 0.0 : kNaN;
}

bool TouchesLesion(const MatchResult& match, const Candidate& candidate, bool large_only) {
  return std::any_of(candidate.lesions.begin(), candidate.lesions.end(), [&](int64_t g) {
    const ReferenceLesion& lesion = match.lesions[static_cast<std::size_t>(g)];
    return !lesion.ignored && (!large_only || lesion.large);
  });
}

// The voxels of a box whose label is one of `wanted`, bool.
Tensor CropMask(const Tensor& labels_XYZ, const Box& box, const std::vector<int32_t>& wanted) {
  const XyzInt size_vox = box.SizeVox();
  Tensor mask_XYZ = at::empty({size_vox.x, size_vox.y, size_vox.z}, at::kBool);
  bool* out = mask_XYZ.data_ptr<bool>();
  const int32_t* labels = labels_XYZ.data_ptr<int32_t>();
  for (int64_t x = box.begin_vox.x; x < box.end_vox.x; ++x) {
    for (int64_t y = box.begin_vox.y; y < box.end_vox.y; ++y) {
      const int32_t* row = labels + (x * labels_XYZ.size(1) + y) * labels_XYZ.size(2);
      for (int64_t z = box.begin_vox.z; z < box.end_vox.z; ++z) {
        *out++ = row[z] != 0 && std::find(wanted.begin(), wanted.end(), row[z]) != wanted.end();
      }
    }
  }
  return mask_XYZ;
}

// A lesion's surface against that of its paired candidates, inside their common box.
SurfaceScores LesionSurface(const ReferenceLesion& lesion,
                            const MatchResult& match,
                            const MatchLabels& labels,
                            const XyzDouble& spacing_mm,
                            const std::vector<double>& tolerances_mm) {
  Box box = lesion.component.box;
  std::vector<int32_t> paired;
  for (const int64_t c : lesion.paired) {
    const Component& component = match.candidates[static_cast<std::size_t>(c)].component;
    paired.push_back(component.label);
    for (std::size_t a = 0; a < 3; ++a) {
      box.begin_vox[a] = std::min(box.begin_vox[a], component.box.begin_vox[a]);
      box.end_vox[a] = std::max(box.end_vox[a], component.box.end_vox[a]);
    }
  }
  return CompareSurfaces(CropMask(labels.reference_XYZ, box, {lesion.component.label}),
                         CropMask(labels.candidate_XYZ, box, paired),
                         spacing_mm,
                         tolerances_mm);
}

}  // namespace

double DetectionCounts::Sensitivity() const {
  return lesions == 0 ? kNaN : AsDouble(detected) / AsDouble(lesions);
}

double DetectionCounts::Precision() const {
  return RatioOr(AsDouble(detected), AsDouble(detected + false_positives), lesions > 0);
}

double DetectionCounts::F2() const {
  if (lesions == 0) return kNaN;
  return 5.0 * AsDouble(detected) / AsDouble(5 * detected + 4 * missed() + false_positives);
}

double DetectionCounts::CandidatePrecision() const {
  return RatioOr(AsDouble(matched_candidates), AsDouble(candidates), lesions > 0);
}

double DetectionCounts::CandidateF2() const {
  if (lesions == 0) return kNaN;
  const double precision = CandidatePrecision();
  const double sensitivity = Sensitivity();
  const double denominator = 4.0 * precision + sensitivity;
  return denominator > 0 ? 5.0 * precision * sensitivity / denominator : 0.0;
}

DetectionCounts& DetectionCounts::operator+=(const DetectionCounts& other) {
  lesions += other.lesions;
  detected += other.detected;
  candidates += other.candidates;
  matched_candidates += other.matched_candidates;
  false_positives += other.false_positives;
  return *this;
}

DetectionCounts CountAll(const MatchResult& match) {
  DetectionCounts counts;
  for (const ReferenceLesion& lesion : match.lesions) {
    if (lesion.ignored) continue;
    ++counts.lesions;
    counts.detected += lesion.detected() ? 1 : 0;
  }
  for (const Candidate& candidate : match.candidates) {
    counts.false_positives += candidate.false_positive ? 1 : 0;
    counts.matched_candidates += TouchesLesion(match, candidate, /*large_only=*/false) ? 1 : 0;
  }
  counts.candidates = counts.matched_candidates + counts.false_positives;
  return counts;
}

DetectionCounts CountLarge(const MatchResult& match) {
  DetectionCounts counts;
  for (const ReferenceLesion& lesion : match.lesions) {
    if (lesion.ignored || !lesion.large) continue;
    ++counts.lesions;
    counts.detected += lesion.detected() ? 1 : 0;
  }
  for (const Candidate& candidate : match.candidates) {
    counts.false_positives += candidate.large_false_positive ? 1 : 0;
    counts.matched_candidates += TouchesLesion(match, candidate, /*large_only=*/true) ? 1 : 0;
  }
  counts.candidates = counts.matched_candidates + counts.false_positives;
  return counts;
}

void RequireOneGrid(const CaseInput& input) {
  SAP_REQUIRE(ErrorKind::kGeometry,
              input.reference_XYZ.dim() == 3 &&
                  input.reference_XYZ.sizes() == input.probability_XYZ.sizes(),
              "{}: the reference has {} voxels, the prediction {}; both must be on one grid, so "
              "resample the probability map to the reference's grid first",
              input.id,
              ShapeString(input.reference_XYZ),
              ShapeString(input.probability_XYZ));
}

void RequireValid(const CaseInput& input) {
  RequireOneGrid(input);
  const Tensor& probability_XYZ = input.probability_XYZ;
  if (!probability_XYZ.is_floating_point() || probability_XYZ.numel() == 0) return;
  // One pass tells all: NaN makes both ends NaN.
  const auto [low, high] = probability_XYZ.aminmax();
  const auto lowest = low.item<double>();
  const auto highest = high.item<double>();
  SAP_REQUIRE(ErrorKind::kInput,
              !std::isnan(lowest) && !std::isnan(highest),
              "{}: the probability map holds NaN; predict the case again",
              input.id);
  SAP_REQUIRE(ErrorKind::kInput,
              lowest >= 0.0 && highest <= 1.0,
              "{}: probabilities run from {:g} to {:g}; they must lie in 0 to 1, so give a "
              "probability map or a 0/1 mask, not logits or percent",
              input.id,
              lowest,
              highest);
}

CaseLesions EvaluateCase(const CaseInput& input, double threshold, const MatchOptions& options) {
  RequireOneGrid(input);
  const Tensor& reference_XYZ = input.reference_XYZ;
  const Tensor predicted_XYZ = AtLeast(input, threshold);
  MatchLabels labels;
  CaseLesions result{
      .id = input.id,
      .match = MatchLesions(reference_XYZ, predicted_XYZ, input.spacing_mm, options, &labels)};
  ScoreCandidates(labels, input.probability_XYZ, result.match, options.candidate_score);
  result.surfaces.resize(result.match.lesions.size());
  ParallelFor(std::ssize(result.surfaces), 1, [&](int64_t begin, int64_t end) {
    for (auto g = static_cast<std::size_t>(begin); g < static_cast<std::size_t>(end); ++g) {
      const ReferenceLesion& lesion = result.match.lesions[g];
      if (!lesion.detected() || lesion.ignored) continue;
      result.surfaces[g] =
          LesionSurface(lesion, result.match, labels, input.spacing_mm, options.nsd_tolerances_mm);
    }
  });
  result.all = CountAll(result.match);
  result.large = CountLarge(result.match);
  result.voxels = CountOverlap(reference_XYZ, predicted_XYZ);
  result.reference_ml = VolumeMl(result.voxels.Reference(), input.spacing_mm);
  result.predicted_ml = VolumeMl(result.voxels.Predicted(), input.spacing_mm);
  double dice_sum = 0;
  for (const ReferenceLesion& lesion : result.match.lesions) {
    if (!lesion.ignored) dice_sum += lesion.PairDice();
  }
  const int64_t lesions = result.all.lesions;
  const int64_t scored = lesions + result.all.false_positives;
  result.mean_dice = lesions > 0 ? dice_sum / AsDouble(lesions) : kNaN;
  result.mean_dice_penalised = scored > 0 ? dice_sum / AsDouble(scored) : kNaN;
  return result;
}

void ForEachCase(std::size_t num_cases,
                 const CaseLoader& load,
                 const std::function<void(const CaseInput& input)>& visit) {
  std::future<CaseInput> next;
  for (std::size_t i = 0; i < num_cases; ++i) {
    const CaseInput input = next.valid() ? next.get() : load(i);
    if (i + 1 < num_cases && NumThreads() > 1) next = std::async(std::launch::async, load, i + 1);
    visit(input);
  }
}

LesionSummary EvaluateLesions(std::size_t num_cases,
                              const CaseLoader& load,
                              double threshold,
                              const MatchOptions& options) {
  LesionSummary summary{.threshold = threshold, .options = options};
  ForEachCase(num_cases, load, [&](const CaseInput& input) {
    summary.cases.push_back(EvaluateCase(input, threshold, options));
    if (options.matching == Matching::kAnyOverlap) {
      summary.sweeps.push_back(SweepThresholds(input, DefaultThresholds(), options));
    }
    summary.pooled_all += summary.cases.back().all;
    summary.pooled_large += summary.cases.back().large;
  });
  return summary;
}

std::vector<double> LesionSummary::DetectedDice() const {
  std::vector<double> values;
  for (const CaseLesions& one : cases) {
    for (const ReferenceLesion& lesion : one.match.lesions) {
      if (!lesion.ignored && lesion.detected()) values.push_back(lesion.PairDice());
    }
  }
  return values;
}

std::vector<double> LesionSummary::DetectedSurface(double (*value_of)(const SurfaceScores&)) const {
  std::vector<double> values;
  for (const CaseLesions& one : cases) {
    for (std::size_t g = 0; g < one.surfaces.size(); ++g) {
      const ReferenceLesion& lesion = one.match.lesions[g];
      if (!lesion.ignored && lesion.detected()) values.push_back(value_of(one.surfaces[g]));
    }
  }
  return values;
}

std::vector<std::pair<std::string, std::vector<double>>> LesionSummary::PerCaseMetrics() const {
  using Get = double (*)(const CaseLesions&);
  const std::pair<const char*, Get> columns[] = {
      {"sensitivity", [](const CaseLesions& c) { return c.all.Sensitivity(); }},
      {"precision", [](const CaseLesions& c) { return c.all.Precision(); }},
      {"f2", [](const CaseLesions& c) { return c.all.F2(); }},
      {"fp_per_exam", [](const CaseLesions& c) { return AsDouble(c.all.false_positives); }},
      {"candidate_precision", [](const CaseLesions& c) { return c.all.CandidatePrecision(); }},
      {"candidate_f2", [](const CaseLesions& c) { return c.all.CandidateF2(); }},
      {"large_sensitivity", [](const CaseLesions& c) { return c.large.Sensitivity(); }},
      {"large_precision", [](const CaseLesions& c) { return c.large.Precision(); }},
      {"large_f2", [](const CaseLesions& c) { return c.large.F2(); }},
      {"large_fp_per_exam", [](const CaseLesions& c) { return AsDouble(c.large.false_positives); }},
      {"patient_mean_dice", [](const CaseLesions& c) { return c.mean_dice; }},
      {"patient_mean_dice_penalised", [](const CaseLesions& c) { return c.mean_dice_penalised; }},
      {"global_dice", [](const CaseLesions& c) { return c.voxels.Dice(); }}};
  std::vector<std::pair<std::string, std::vector<double>>> metrics;
  for (const auto& [name, get] : columns) {
    std::vector<double> values;
    for (const CaseLesions& one : cases) values.push_back(get(one));
    metrics.emplace_back(name, std::move(values));
  }
  return metrics;
}

Distribution Summarize(const std::vector<double>& values) {
  std::vector<double> kept;
  for (const double value : values) {
    if (!std::isnan(value)) kept.push_back(value);
  }
  Distribution d{.n = std::ssize(kept), .n_excluded = std::ssize(values) - std::ssize(kept)};
  if (kept.empty()) {
    d.mean = d.median = d.q25 = d.q75 = kNaN;
    return d;
  }
  for (const double value : kept) d.mean += value / AsDouble(d.n);
  d.median = Quantile(kept, 0.5);
  d.q25 = Quantile(kept, 0.25);
  d.q75 = Quantile(kept, 0.75);
  return d;
}

}  // namespace sap::eval
