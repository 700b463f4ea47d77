// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/detection.h"

#include <algorithm>
#include <cmath>
#include <future>
#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "eval/lesion_pairs.h"
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

bool TouchesLesion(const MatchResult& match, const Candidate& candidate) {
  return std::any_of(candidate.lesions.begin(), candidate.lesions.end(), [&](int64_t g) {
    return !match.lesions[static_cast<std::size_t>(g)].ignored;
  });
}

RatioOptions ByCandidate(RatioOptions options) {
  options.tp_count = TpCount::kCandidate;
  return options;
}

double GlobalDice(const CaseLesions& one, const RatioOptions& options) {
  const double dice = one.voxels.Dice();
  return std::isnan(dice) && options.both_empty == BothEmpty::kOne ? 1.0 : dice;
}

// Lesions that count and candidates that are kept under each connectivity.
std::vector<ConnectivityCounts> AuditConnectivity(const LabelledCase& labelled,
                                                  const MatchOptions& options) {
  const auto count = [&](const std::vector<int64_t>& sizes_vox, double least_ml) {
    return std::count_if(sizes_vox.begin(), sizes_vox.end(), [&](int64_t num_vox) {
      return AtLeastMl(num_vox, labelled.spacing_mm, least_ml);
    });
  };
  std::vector<int64_t> instances_vox;
  for (const Component& lesion : labelled.reference.list) instances_vox.push_back(lesion.num_vox);
  std::vector<ConnectivityCounts> audit;
  for (const int connectivity : {6, 18, 26}) {
    const auto neighbours = static_cast<Connectivity>(connectivity);
    const std::vector<int64_t> lesions_vox = options.gt_instances == GtInstances::kFile
                                                 ? instances_vox
                                                 : ComponentSizes(labelled.reference, neighbours);
    audit.push_back({.connectivity = connectivity,
                     .lesions = count(lesions_vox, options.min_gt_ml),
                     .candidates = count(ComponentSizes(labelled.predicted, neighbours),
                                         options.min_candidate_ml)});
  }
  return audit;
}

// All voxels were counted when they were labelled.
OverlapCounts OverlapOf(const LabelledCase& labelled) {
  OverlapCounts counts;
  for (const auto& [pair, shared] : labelled.shared_vox) counts.both += shared;
  for (const Component& c : labelled.reference.list) counts.only_reference += c.num_vox;
  for (const Component& c : labelled.predicted.list) counts.only_predicted += c.num_vox;
  counts.only_reference -= counts.both;
  counts.only_predicted -= counts.both;
  counts.neither = labelled.reference.labels_XYZ.numel() - counts.both - counts.only_reference -
                   counts.only_predicted;
  return counts;
}

CaseLesions Evaluate(const CaseInput& input,
                     double threshold,
                     const MatchOptions& options,
                     const CaseVisitor& visit) {
  RequireOneGrid(input);
  const LabelledCase labelled =
      LabelCase(input.reference_XYZ, AtLeast(input, threshold), input.spacing_mm, options);
  CaseLesions result = EvaluateLabelled(input, labelled, options);
  MeasureNearestLesions(labelled, result.match);
  result.audit = AuditConnectivity(labelled, options);
  if (visit) visit(input, labelled, result);
  return result;
}

}  // namespace

double DetectionCounts::Sensitivity() const {
  return lesions == 0 ? kNaN : AsDouble(detected) / AsDouble(lesions);
}

double DetectionCounts::Precision(const RatioOptions& options) const {
  const bool by_reference = options.tp_count == TpCount::kReference;
  const int64_t positives = by_reference ? detected + false_positives : candidates;
  if (positives > 0) {
    return AsDouble(by_reference ? detected : matched_candidates) / AsDouble(positives);
  }
  return lesions > 0 && options.empty_prediction == EmptyPrediction::kZero ? 0.0 : kNaN;
}

double DetectionCounts::F2(const RatioOptions& options) const {
  if (lesions == 0 && candidates == 0) {
    return options.both_empty == BothEmpty::kOne ? 1.0 : kNaN;
  }
  if (lesions == 0) return options.empty_reference == EmptyReference::kZero ? 0.0 : kNaN;
  if (options.tp_count == TpCount::kReference) {
    return 5.0 * AsDouble(detected) / AsDouble(5 * detected + 4 * missed() + false_positives);
  }
  const double precision = candidates > 0 ? Precision(options) : 0.0;
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
    const bool is_match = !candidate.false_positive && TouchesLesion(match, candidate);
    counts.matched_candidates += is_match ? 1 : 0;
  }
  counts.candidates = counts.matched_candidates + counts.false_positives;
  return counts;
}

DetectionCounts CountLarge(const MatchResult& match) {
  DetectionCounts counts;
  for (const ReferenceLesion& lesion : match.lesions) {
    if (lesion.ignored || !lesion.large) continue;
    ++counts.lesions;
    counts.detected += lesion.detected_as_large ? 1 : 0;
  }
  for (const Candidate& candidate : match.candidates) {
    const bool is_match = !candidate.large_false_positive && candidate.detects_large;
    counts.false_positives += candidate.large_false_positive ? 1 : 0;
    counts.matched_candidates += is_match ? 1 : 0;
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
  return Evaluate(input, threshold, options, nullptr);
}

CaseLesions EvaluateLabelled(const CaseInput& input,
                             const LabelledCase& labelled,
                             const MatchOptions& options) {
  VoronoiParts parts;
  CaseLesions result{.id = input.id, .match = MatchLesions(labelled, options, &parts)};
  ScoreCandidates(labelled, input.probability_XYZ, result.match, options.candidate_score);
  result.surfaces =
      PairSurfaces(result.match, labelled, parts, options.lesion_pair, options.nsd_tolerances_mm);
  result.all = CountAll(result.match);
  result.large = CountLarge(result.match);
  result.voxels = OverlapOf(labelled);
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
                              const MatchOptions& options,
                              const CaseVisitor& visit) {
  LesionSummary summary{.threshold = threshold, .options = options};
  ForEachCase(num_cases, load, [&](const CaseInput& input) {
    summary.Add(Evaluate(input, threshold, options, visit));
    if (SweepsInOnePass(options)) {
      summary.sweeps.push_back(SweepThresholds(input, DefaultThresholds(), options));
    }
  });
  return summary;
}

void LesionSummary::Add(CaseLesions result) {
  pooled_all += result.all;
  pooled_large += result.large;
  cases.push_back(std::move(result));
}

std::vector<double> LesionSummary::DetectedDice() const {
  std::vector<double> values;
  for (const CaseLesions& one : cases) {
    for (const ReferenceLesion& lesion : one.match.lesions) {
      if (lesion.HasPairValue()) values.push_back(lesion.PairDice());
    }
  }
  return values;
}

std::vector<double> LesionSummary::DetectedSurface(double (*value_of)(const SurfaceScores&)) const {
  std::vector<double> values;
  for (const CaseLesions& one : cases) {
    for (std::size_t g = 0; g < one.surfaces.size(); ++g) {
      const ReferenceLesion& lesion = one.match.lesions[g];
      if (lesion.HasPairValue()) values.push_back(value_of(one.surfaces[g]));
    }
  }
  return values;
}

std::vector<std::pair<std::string, std::vector<double>>> LesionSummary::PerCaseMetrics() const {
  using Get = double (*)(const CaseLesions&, const RatioOptions&);
  using Case = const CaseLesions&;
  using Ratio = const RatioOptions&;
  const std::pair<const char*, Get> columns[] = {
      {"sensitivity", [](Case c, Ratio) { return c.all.Sensitivity(); }},
      {"precision", [](Case c, Ratio r) { return c.all.Precision(r); }},
      {"f2", [](Case c, Ratio r) { return c.all.F2(r); }},
      {"fp_per_exam", [](Case c, Ratio) { return AsDouble(c.all.false_positives); }},
      {"candidate_precision", [](Case c, Ratio r) { return c.all.Precision(ByCandidate(r)); }},
      {"candidate_f2", [](Case c, Ratio r) { return c.all.F2(ByCandidate(r)); }},
      {"large_sensitivity", [](Case c, Ratio) { return c.large.Sensitivity(); }},
      {"large_precision", [](Case c, Ratio r) { return c.large.Precision(r); }},
      {"large_f2", [](Case c, Ratio r) { return c.large.F2(r); }},
      {"large_fp_per_exam", [](Case c, Ratio) { return AsDouble(c.large.false_positives); }},
      {"patient_mean_dice", [](Case c, Ratio) { return c.mean_dice; }},
      {"patient_mean_dice_penalised", [](Case c, Ratio) { return c.mean_dice_penalised; }},
      {"global_dice", GlobalDice}};
  std::vector<std::pair<std::string, std::vector<double>>> metrics;
  for (const auto& [name, get] : columns) {
    std::vector<double> values;
    for (const CaseLesions& one : cases) values.push_back(get(one, options.ratios));
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
