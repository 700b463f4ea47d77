// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/sensitivity.h"

#include <algorithm>
#include <utility>

#include <ATen/ATen.h>

#include "eval/lesion_pairs.h"
#include "eval/probability_scan.h"
#include "sap/core/error.h"

namespace sap::eval {
namespace {

// Tolerances of A7: 1, 2, 3 mm and the longest edge of a voxel.
std::vector<double> TolerancesMm(const XyzDouble& spacing_mm) {
  return {1.0, 2.0, 3.0, std::max({spacing_mm.x, spacing_mm.y, spacing_mm.z})};
}

// Every other value of a named choice.
template <typename E>
std::vector<E> OtherValues(E chosen) {
  std::vector<E> others;
  for (const auto& [value, name] : EnumNames<E>::kNames) {
    if (value != chosen) others.push_back(value);
  }
  return others;
}

// The chosen result with other counts: pairs, surfaces and scores stay.
CaseLesions Recounted(const CaseLesions& chosen,
                      const LabelledCase& labelled,
                      const MatchOptions& options) {
  CaseLesions result = chosen;
  result.match = MatchLesions(labelled, options);
  for (std::size_t c = 0; c < result.match.candidates.size(); ++c) {
    result.match.candidates[c].score = chosen.match.candidates[c].score;
  }
  result.all = CountAll(result.match);
  result.large = CountLarge(result.match);
  return result;
}

}  // namespace

SensitivityStudy::SensitivityStudy(double threshold, const MatchOptions& chosen)
    : threshold_(threshold), chosen_(chosen) {
  AddVariants();
}

void SensitivityStudy::AddVariants() {
  const auto add = [&](const char* id,
                       const char* choice,
                       const std::string& value,
                       Reuse reuse,
                       bool same_sweep,
                       const auto& change) {
    LesionSummary summary{.threshold = threshold_, .options = chosen_};
    change(summary.options);
    variants_.push_back({id, choice, value, reuse, same_sweep, std::move(summary)});
  };
  for (const int connectivity : {6, 18, 26}) {
    if (connectivity == chosen_.connectivity) continue;
    const std::string name = fmt::format("{}", connectivity);
    add("A1", "connectivity", name, Reuse::kNothing, false, [&](MatchOptions& o) {
      o.connectivity = connectivity;
    });
  }
  const auto each = [&](const char* id, const char* choice, Reuse reuse, bool same_sweep, auto at) {
    for (const auto value : OtherValues(chosen_.*at)) {
      add(id, choice, EnumName(value), reuse, same_sweep, [&](MatchOptions& o) { o.*at = value; });
    }
  };
  each("A3", "extra_hit", Reuse::kPairs, false, &MatchOptions::extra_hit);
  each("A4", "large_fp", Reuse::kPairs, true, &MatchOptions::large_fp);
  each("A5", "large_candidate", Reuse::kPairs, true, &MatchOptions::large_candidate);
  each("A6", "lesion_pair", Reuse::kLabels, true, &MatchOptions::lesion_pair);
  const bool one_to_one = chosen_.matching == Matching::kIou;
  const Matching other = one_to_one ? Matching::kAnyOverlap : Matching::kIou;
  add("1.2", "matching", EnumName(other), Reuse::kLabels, false, [&](MatchOptions& o) {
    o.matching = other;
  });
}

void SensitivityStudy::Add(const CaseInput& input,
                           const LabelledCase& labelled,
                           const CaseLesions& result) {
  for (Variant& variant : variants_) {
    const MatchOptions& options = variant.summary.options;
    switch (variant.reuse) {
      case Reuse::kPairs:
        variant.summary.Add(Recounted(result, labelled, options));
        break;
      case Reuse::kLabels:
        variant.summary.Add(EvaluateLabelled(input, labelled, options));
        break;
      case Reuse::kNothing: {
        const LabelledCase other =
            LabelCase(input.reference_XYZ, AtLeast(input, threshold_), input.spacing_mm, options);
        variant.summary.Add(EvaluateLabelled(input, other, options));
        if (SweepsInOnePass(options)) {
          variant.summary.sweeps.push_back(SweepThresholds(input, DefaultThresholds(), options));
        }
        break;
      }
    }
  }
  VoronoiParts parts;
  const MatchResult match = MatchLesions(labelled, chosen_, &parts);
  surfaces_.push_back(
      PairSurfaces(match, labelled, parts, chosen_.lesion_pair, TolerancesMm(input.spacing_mm)));
}

}  // namespace sap::eval
