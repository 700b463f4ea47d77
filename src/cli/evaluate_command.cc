// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <iostream>
#include <set>

#include <nlohmann/json.hpp>

#include "cli/evaluate_cases.h"
#include "cli/evaluate_options.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"
#include "sap/core/provenance.h"
#include "sap/data/labels.h"
#include "sap/eval/report.h"

namespace sap::cli {
namespace {

using nlohmann::json;

eval::CaseLoader LesionLoader(const std::vector<CasePair>& pairs, Progress& progress) {
  return [&pairs, &progress](std::size_t i) {
    eval::CaseInput input = LoadLesionCase(pairs[i]);
    progress.Advance(1, input.id);
    return input;
  };
}

// The threshold and how it came about, for summary.json.
double Threshold(const EvaluateOptions& options, json& record) {
  SAP_REQUIRE(ErrorKind::kOption,
              !options.threshold || options.tuning_cases.empty(),
              "threshold and tuning_cases are both set; drop one of them");
  if (options.threshold) return *options.threshold;
  if (options.tuning_cases.empty()) {
    log::Info("threshold 0.5: neither threshold nor tuning_cases is set");
    return 0.5;
  }
  if (!options.tuning_prediction_dir) {
    log::Warning(
        "tuning cases are taken from prediction_dir: if its models trained on them, the threshold "
        "is optimistic; a held-out run's folder goes to tuning_prediction_dir");
  }
  const std::vector<CasePair> pairs =
      FindPairs(options,
                options.tuning_prediction_dir.value_or(options.prediction_dir),
                options.tuning_cases);
  Progress progress("tuning", std::ssize(pairs));
  const eval::ThresholdChoice choice = eval::TuneThreshold(
      pairs.size(), LesionLoader(pairs, progress), options.match, options.threshold_objective);
  progress.Finish();
  record["tuning"] = eval::ThresholdJson(choice);
  record["tuning"]["objective_name"] = EnumName(options.threshold_objective);
  record["tuning"]["held_out"] = options.tuning_prediction_dir.has_value();
  log::Info("threshold {:g}: F2 {:.3f} on {} tuning cases",
            choice.threshold,
            choice.objective,
            pairs.size());
  return choice.threshold;
}

// Cases to evaluate: the tuning cases never judge the threshold that they chose.
std::vector<CasePair> EvaluationPairs(const EvaluateOptions& options) {
  std::vector<CasePair> pairs = FindPairs(options, options.prediction_dir, options.cases);
  const std::set<std::string> tuning(options.tuning_cases.begin(), options.tuning_cases.end());
  std::erase_if(pairs, [&](const CasePair& pair) { return tuning.contains(pair.id); });
  SAP_REQUIRE(ErrorKind::kInput,
              !pairs.empty(),
              "every case is a tuning case; nothing is left to evaluate");
  return pairs;
}

// What both tasks print and write.
template <typename Summary>
int Finish(const Summary& summary,
           const EvaluateOptions& options,
           const json& record,
           const AppContext& context) {
  eval::WriteReport(options.output_dir, summary, record);
  if (context.json) {
    std::cout << eval::SummaryJson(summary).dump(2) << "\n";
  } else if (!context.quiet) {
    std::cout << eval::SummaryMarkdown(summary);
  }
  return 0;
}

int EvaluateLesionTask(const EvaluateOptions& options,
                       const std::vector<CasePair>& pairs,
                       json record,
                       const AppContext& context) {
  const double threshold = Threshold(options, record);
  Progress progress("evaluating", std::ssize(pairs));
  const eval::LesionSummary summary =
      eval::EvaluateLesions(pairs.size(), LesionLoader(pairs, progress), threshold, options.match);
  progress.Finish();
  return Finish(summary, options, record, context);
}

int EvaluateSkeletonTask(const EvaluateOptions& options,
                         const std::vector<CasePair>& pairs,
                         const json& record,
                         const AppContext& context) {
  data::LabelOptions labels{.scheme = data::LabelScheme::kSkeleton};
  std::vector<std::string> class_names = {"background"};
  for (const auto& label : data::MakeLabelTable(labels).classes) class_names.push_back(label.name);
  Progress progress("evaluating", std::ssize(pairs));
  const eval::SkeletonSummary summary = eval::EvaluateSkeleton(
      pairs.size(),
      [&](std::size_t i) {
        progress.Advance(1, pairs[i].id);
        return LoadSkeletonCase(pairs[i], options.skeleton_majority_vote);
      },
      class_names,
      options.absent_class);
  progress.Finish();
  return Finish(summary, options, record, context);
}

int Evaluate(const EvaluateOptions& options, const AppContext& context) {
  const std::vector<CasePair> pairs = EvaluationPairs(options);
  if (context.dry_run) {
    std::cout << fmt::format("{} cases would be evaluated, {} would choose the threshold\n",
                             pairs.size(),
                             options.tuning_cases.size());
    return 0;
  }
  const json record = {{"task", EnumName(options.task)},
                       {"skeleton_majority_vote", options.skeleton_majority_vote},
                       {"absent_class", EnumName(options.absent_class)},
                       {"provenance", Provenance()}};
  return options.task == EvaluateTask::kLesion
             ? EvaluateLesionTask(options, pairs, record, context)
             : EvaluateSkeletonTask(options, pairs, record, context);
}

}  // namespace

int EvaluateMain(int argc, char** argv) {
  EvaluateOptions options;
  OptionTable table(options);
  const AppInfo info = {
      .name = "sap-evaluate",
      .summary =
          "Compares predictions with references: lesion detection and overlap, or Dice per "
          "bone region.",
      .example =
          "sap-evaluate --set reference_dir=cohort --set prediction_dir=predictions "
          "--set output_dir=evaluation --set threshold=0.5\n"
          "sap-evaluate --config evaluate.yaml --set tuning_cases=[case_1,case_2]",
      .config_name = "evaluate.yaml"};
  return RunApp(argc, argv, info, table, [&](const AppContext& context) {
    return Evaluate(options, context);
  });
}

}  // namespace sap::cli
