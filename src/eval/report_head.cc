// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "eval/report_text.h"
#include "sap/eval/report_sections.h"

namespace sap::eval {
namespace {

std::string Joined(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string Plural(int64_t n, const std::string& word) {
  return fmt::format("{} {}{}", n, word, n == 1 ? "" : "s");
}

std::string ExamsText(const LesionSummary& summary) {
  std::vector<double> volumes_ml;
  int64_t without = 0;
  for (const CaseLesions& one : summary.cases) {
    without += one.all.lesions == 0 ? 1 : 0;
    for (const ReferenceLesion& lesion : one.match.lesions) {
      if (!lesion.ignored) volumes_ml.push_back(lesion.volume_ml);
    }
  }
  std::string text = fmt::format("{} with {}, {} of at least {:g} mL",
                                 Plural(std::ssize(summary.cases), "exam"),
                                 Plural(std::ssize(volumes_ml), "lesion"),
                                 summary.pooled_large.lesions,
                                 summary.options.large_ml);
  if (!volumes_ml.empty()) text += fmt::format("; median {} mL", ShortCell(Median(volumes_ml)));
  if (without > 0) text += fmt::format("; {} without a lesion", Plural(without, "exam"));
  return text;
}

std::string ThresholdText(const MethodResults& results) {
  std::vector<std::string> values;
  for (std::size_t m = 0; m < results.summaries.size(); ++m) {
    values.push_back(
        fmt::format("{} {:g}", results.comparison.method_names[m], results.summaries[m].threshold));
  }
  const double first = results.summaries[0].threshold;
  const bool same = std::all_of(results.summaries.begin(),
                                results.summaries.end(),
                                [&](const LesionSummary& s) { return s.threshold == first; });
  const std::string text = same ? fmt::format("{:g}", first) : Joined(values);
  const int64_t num_tuning =
      results.tunings.empty() || !results.tunings[0] ? 0 : std::ssize(results.tunings[0]->case_ids);
  switch (results.threshold_source) {
    case ThresholdSource::kGiven:
      return text + ", given before the evaluation";
    case ThresholdSource::kDefault:
      return text + ", for want of a threshold or tuning exams";
    case ThresholdSource::kHeldOut:
      return fmt::format("{}; largest F2 on {} by models that did not train on them",
                         text,
                         Plural(num_tuning, "tuning exam"));
    case ThresholdSource::kInSample:
      return fmt::format("{}; largest F2 on {} by the evaluated models themselves",
                         text,
                         Plural(num_tuning, "tuning exam"));
  }
  return text;
}

std::string RulesText(const LesionSummary& summary) {
  const MatchOptions& o = summary.options;
  std::string text = fmt::format("{}-connected components, matching {}, pairs by {}",
                                 o.connectivity,
                                 EnumName(o.matching),
                                 EnumName(o.lesion_pair));
  if (o.min_candidate_ml > 0) text += fmt::format(", candidates from {:g} mL", o.min_candidate_ml);
  if (o.min_gt_ml > 0) text += fmt::format(", lesions from {:g} mL", o.min_gt_ml);
  return text;
}

std::string StatisticsText(const CompareOptions& options) {
  return fmt::format(
      "95 % percentile bootstrap of {} resamples, detected lesions drawn by {}; "
      "Wilcoxon rule {}",
      options.bootstrap_resamples,
      EnumName(options.lesion_bootstrap),
      EnumName(options.wilcoxon));
}

std::string ThresholdNote(ThresholdSource source) {
  switch (source) {
    case ThresholdSource::kInSample:
      return "The threshold was chosen on exams that the models may have trained on: it suits "
             "them better than new exams, and detection at it may be worse than with a threshold "
             "from a held-out run. FROC curves do not depend on it.";
    case ThresholdSource::kDefault:
      return "The threshold was not chosen for these methods. Methods whose probabilities are "
             "scaled differently cannot be compared at one threshold; their FROC curves can.";
    case ThresholdSource::kGiven:
      return "A given threshold is fair only if it was not chosen on these exams.";
    case ThresholdSource::kHeldOut:
      return "Tuning exams are left out. With few of them the threshold is uncertain itself; no "
             "interval here contains that.";
  }
  return "";
}

// A FROC curve that ends before the operating point does not hold the reported sensitivity.
std::string BeyondTheCurve(const MethodResults& results) {
  std::vector<std::string> names;
  for (std::size_t m = 0; m < results.summaries.size(); ++m) {
    const LesionSummary& summary = results.summaries[m];
    const double fp = static_cast<double>(summary.pooled_all.false_positives) /
                      static_cast<double>(std::max<std::size_t>(summary.cases.size(), 1));
    if (fp > results.froc.limit_all_fp) {
      names.push_back(fmt::format("{} ({:.1f})", results.comparison.method_names[m], fp));
    }
  }
  if (names.empty()) return "";
  return fmt::format(
      "The FROC area ends at {:g} false positives per exam, before the operating "
      "point of {}.",
      results.froc.limit_all_fp,
      Joined(names));
}

std::vector<std::string> Notes(const MethodResults& results) {
  const bool several = results.summaries.size() > 1;
  std::vector<std::string> notes = {
      fmt::format("The number of exams ({}) limits every interval and test, not the number of "
                  "lesions: lesions of one patient resemble each other. An exam counts as a "
                  "patient.",
                  results.summaries[0].cases.size()),
      "Dice and NSD of detected lesions leave out what was missed. A method that finds only easy "
      "lesions looks better in them; mean Dice per patient counts missed lesions as 0.",
      ThresholdNote(results.threshold_source)};
  if (several) {
    notes.emplace_back(
        "Mann-Whitney's test takes lesions as independent, and the same lesions stand in both "
        "samples, so its p for Dice and NSD is too sure; the interval of the median difference "
        "in tests.csv draws whole patients.");
    notes.push_back(fmt::format(
        "p is adjusted for the pairs of methods, not for the {} metrics: a single star among them "
        "is weak evidence. No star does not say that methods are equal.",
        results.comparison.metrics.size()));
  }
  if (const std::string beyond = BeyondTheCurve(results); !beyond.empty()) notes.push_back(beyond);
  notes.emplace_back(
      "These are results on these exams. Other scanners, sequences or patients can give others.");
  return notes;
}

}  // namespace

ReportHead LesionReportHead(const MethodResults& results) {
  const bool several = results.summaries.size() > 1;
  return {.title = "Lesion evaluation",
          .facts = {{several ? "Methods" : "Method", Joined(results.comparison.method_names)},
                    {"Exams", ExamsText(results.summaries[0])},
                    {"Threshold", ThresholdText(results)},
                    {"Rules", RulesText(results.summaries[0])},
                    {"Statistics", StatisticsText(results.comparison.options)}},
          .notes = Notes(results)};
}

}  // namespace sap::eval
