// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <nlohmann/json.hpp>

#include "cli/evaluate_cases.h"
#include "cli/evaluate_details.h"
#include "cli/evaluate_features.h"
#include "cli/evaluate_methods.h"
#include "cli/evaluate_options.h"
#include "cli/evaluate_preset.h"
#include "cli/evaluate_report.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/progress.h"
#include "sap/core/provenance.h"
#include "sap/data/labels.h"
#include "sap/eval/report.h"

namespace sap::cli {
namespace {

using nlohmann::json;

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
  eval::WriteReport(options.output_dir, summary, record);
  WriteSkeletonPage(options, summary, record);
  if (context.json) {
    std::cout << eval::SummaryJson(summary).dump(2) << "\n";
  } else if (!context.quiet) {
    std::cout << eval::SummaryMarkdown(summary);
  }
  return 0;
}

int Evaluate(const EvaluateOptions& options, const AppContext& context) {
  if (!options.features.empty()) {
    SAP_REQUIRE(ErrorKind::kOption,
                options.prediction_dir.empty() && options.methods.empty(),
                "features are of networks before fine-tuning, predictions of networks after it: "
                "evaluate {} in a run of its own",
                options.methods.empty() ? "prediction_dir" : "methods");
    return EvaluateFeatures(options, {{"provenance", Provenance()}}, context);
  }
  std::vector<MethodPairs> methods = FindMethods(options);
  if (context.dry_run) {
    if (options.task == EvaluateTask::kLesion) FindDetailFiles(options, methods);  // for its faults
    std::cout << fmt::format("{} cases would be evaluated, {} would choose the threshold\n",
                             methods[0].pairs.size(),
                             options.tuning_cases.size());
    return 0;
  }
  json record = {{"task", EnumName(options.task)},
                 {"skeleton_majority_vote", options.skeleton_majority_vote},
                 {"absent_class", EnumName(options.absent_class)},
                 {"provenance", Provenance()}};
  if (options.task == EvaluateTask::kLesion) {
    record["rules"] = RulesJson(options);
    EvaluateLesionMethods(options, methods, record, context);
    return 0;
  }
  SAP_REQUIRE(ErrorKind::kOption,
              methods.size() == 1,
              "task: skeleton evaluates one method; {} are given, so run it once for each",
              methods.size());
  return EvaluateSkeletonTask(options, methods[0].pairs, record, context);
}

}  // namespace

int EvaluateMain(int argc, char** argv) {
  EvaluateOptions options;
  OptionTable table(options);
  const AppInfo info = {
      .name = "sap-evaluate",
      .summary =
          "Compares predictions with references: lesion detection and overlap, or Dice per "
          "bone region; or features of lesions with those of healthy bone.",
      .example =
          "sap-evaluate --set reference_dir=cohort --set prediction_dir=predictions "
          "--set output_dir=evaluation --set threshold=0.5\n"
          "sap-evaluate --set reference_dir=cohort --set methods=[ssl=runs/ssl,sap=runs/sap] "
          "--set output_dir=evaluation --set tuning_cases=[case_1,case_2]\n"
          "sap-evaluate --set features.ssl=features/ssl --set features.sap=features/sap "
          "--set output_dir=evaluation",
      .config_name = "evaluate.yaml"};
  return RunApp(
      argc,
      argv,
      info,
      table,
      [&](const AppContext& context) { return Evaluate(options, context); },
      [&](ConfigNode& config) { return TakePreset(config, options); });
}

}  // namespace sap::cli
