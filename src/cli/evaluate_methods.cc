// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_methods.h"

#include <algorithm>
#include <iostream>
#include <iterator>
#include <map>
#include <set>

#include <nlohmann/json.hpp>

#include "cli/evaluate_details.h"
#include "cli/evaluate_folds.h"
#include "cli/evaluate_gallery.h"
#include "cli/evaluate_preset.h"
#include "cli/evaluate_report.h"
#include "cli/evaluate_second.h"
#include "cli/evaluate_sensitivity.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"
#include "sap/eval/means.h"
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

std::vector<std::string> IdsOf(const std::vector<CasePair>& pairs) {
  std::vector<std::string> ids;
  for (const CasePair& pair : pairs) ids.push_back(pair.id);
  return ids;
}

MethodPairs ParseMethod(const std::string& text) {
  const std::size_t at = text.find('=');
  SAP_REQUIRE(ErrorKind::kOption,
              at != std::string::npos && at + 1 < text.size() && IsMethodName(text.substr(0, at)),
              "methods: '{}' is not name=folder; the name becomes a folder and a column",
              text);
  return {.name = text.substr(0, at), .prediction_dir = text.substr(at + 1)};
}

// Cases to evaluate: the tuning cases never judge the threshold that they chose.
std::vector<CasePair> EvaluationPairs(const EvaluateOptions& options,
                                      const std::string& prediction_dir) {
  std::vector<CasePair> pairs = FindPairs(options, prediction_dir, options.cases);
  const std::set<std::string> tuning(options.tuning_cases.begin(), options.tuning_cases.end());
  std::erase_if(pairs, [&](const CasePair& pair) { return tuning.contains(pair.id); });
  SAP_REQUIRE(ErrorKind::kInput,
              !pairs.empty(),
              "every case is a tuning case; nothing is left to evaluate");
  return pairs;
}

std::string TuningFolder(const EvaluateOptions& options, const MethodPairs& method) {
  if (!options.tuning_prediction_dir) return method.prediction_dir;
  const fs::path folder = *options.tuning_prediction_dir;
  return options.methods.empty() ? folder.string() : (folder / method.name).string();
}

// The threshold and how it came about, for summary.json and the report.
double Threshold(const EvaluateOptions& options, MethodPairs& method, json& record) {
  SAP_REQUIRE(ErrorKind::kOption,
              !options.threshold || options.tuning_cases.empty(),
              "threshold and tuning_cases are both set; drop one of them");
  if (options.threshold) return *options.threshold;
  if (method.tuning_pairs.empty()) {
    log::Info("threshold 0.5: neither threshold nor tuning_cases is set");
    return 0.5;
  }
  if (!method.tuning_held_out) {
    log::Warning(
        "tuning cases are taken from prediction_dir: if its models trained on them, the threshold "
        "is optimistic; a held-out run's folder goes to tuning_prediction_dir");
  }
  const std::vector<CasePair>& pairs = method.tuning_pairs;
  Progress progress("tuning", std::ssize(pairs));
  const eval::ThresholdChoice choice = eval::TuneThreshold(
      pairs.size(), LesionLoader(pairs, progress), options.match, options.threshold_objective);
  progress.Finish();
  record["tuning"] = eval::ThresholdJson(choice);
  record["tuning"]["objective_name"] = EnumName(options.threshold_objective);
  record["tuning"]["held_out"] = method.tuning_held_out;
  log::Info("threshold {:g}: F2 {:.3f} on {} tuning cases",
            choice.threshold,
            choice.objective,
            pairs.size());
  method.tuning = choice;
  return choice.threshold;
}

eval::ThresholdSource SourceOf(const EvaluateOptions& options, const MethodPairs& method) {
  if (options.threshold) return eval::ThresholdSource::kGiven;
  if (method.tuning_pairs.empty()) return eval::ThresholdSource::kDefault;
  return method.tuning_held_out ? eval::ThresholdSource::kHeldOut
                                : eval::ThresholdSource::kInSample;
}

// Pooled, patient and fold means of every method: into summary.json and the report.
eval::ReportSection MeansOf(const std::vector<std::string>& names,
                            const std::vector<eval::LesionSummary>& summaries,
                            const std::vector<int>& fold_of_case,
                            json& summary) {
  std::vector<std::vector<eval::MeanRow>> rows;
  for (std::size_t m = 0; m < names.size(); ++m) {
    rows.push_back(eval::Means(summaries[m], fold_of_case));
    summary["means"][names[m]] = eval::MeansJson(rows.back());
  }
  return {.title = "Means",
          .note =
              "Of the counts summed over exams; of one value per patient; of the folds' patient "
              "means (option folds). Papers that give a mean seldom say which.",
          .markdown = eval::MeansMarkdown(names, rows)};
}

// Files that only some options write: those of an earlier run in the same folder would stand beside
// tables of other rules.
void RemoveOptionalFiles(const fs::path& folder) {
  for (const char* name : {"agreement.csv",
                           "burden.csv",
                           "calibration.csv",
                           "findings.csv",
                           "follow_up.csv",
                           "follow_up_totals.csv",
                           "published.md",
                           "regions.csv",
                           "sensitivity.csv",
                           "sensitivity.md",
                           "table1_second.csv",
                           "table1_second.md",
                           "tests_second.csv"}) {
    fs::remove(folder / name);
  }
}

// Before any volume is read: tests compare methods exam by exam.
void RequireSameCases(const std::vector<MethodPairs>& methods) {
  std::map<std::string, std::set<std::string>> methods_of_case;
  for (const MethodPairs& method : methods) {
    for (const CasePair& pair : method.pairs) methods_of_case[pair.id].insert(method.name);
  }
  std::vector<std::string> faults;
  for (const auto& [id, having] : methods_of_case) {
    for (const MethodPairs& method : methods) {
      if (having.contains(method.name)) continue;
      faults.push_back(fmt::format("{}: method {} has no prediction of it", id, method.name));
    }
  }
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "{}\nall methods need the same cases: predict these too, or name the common ones in "
              "`cases`",
              fmt::join(faults, "\n"));
}

}  // namespace

bool IsMethodName(const std::string& name) {
  return !name.empty() && name.front() != '.' &&
         name.find_first_of("/\\|\"\n") == std::string::npos;
}

std::vector<MethodPairs> FindMethods(const EvaluateOptions& options) {
  SAP_REQUIRE(
      ErrorKind::kOption,
      !options.reference_dir.empty(),
      "reference_dir: missing; predictions are compared with it; add it to the config or say "
      "--set reference_dir=...");
  SAP_REQUIRE(ErrorKind::kOption,
              options.prediction_dir.empty() != options.methods.empty(),
              "set either prediction_dir or methods, or features");
  std::vector<MethodPairs> methods;
  if (options.methods.empty()) {
    methods.push_back({.name = "prediction", .prediction_dir = options.prediction_dir});
  }
  std::set<std::string> names;
  for (const std::string& text : options.methods) {
    methods.push_back(ParseMethod(text));
    SAP_REQUIRE(ErrorKind::kOption,
                names.insert(methods.back().name).second,
                "methods: {} stands twice; give each method its own name",
                methods.back().name);
  }
  for (MethodPairs& method : methods) {
    method.pairs = EvaluationPairs(options, method.prediction_dir);
    if (!options.tuning_cases.empty()) {
      method.tuning_pairs = FindPairs(options, TuningFolder(options, method), options.tuning_cases);
      method.tuning_held_out = options.tuning_prediction_dir.has_value();
    }
    if (options.folds) {
      method.fold_of_case =
          FoldsOfCases(*options.folds, options.reference_dir, IdsOf(method.pairs));
    }
  }
  RequireSameCases(methods);
  GalleryMethod(options, methods);  // a wrong name is known before anything is read
  return methods;
}

std::vector<eval::LesionSummary> EvaluateLesionMethods(const EvaluateOptions& options,
                                                       std::vector<MethodPairs>& methods,
                                                       const json& record,
                                                       const AppContext& context) {
  std::vector<std::string> names;
  std::vector<eval::LesionSummary> summaries;
  std::vector<eval::MethodCurves> curves;
  std::vector<eval::MethodSensitivity> sensitivity;
  const std::vector<DetailFilesOfCases> detail_files = FindDetailFiles(options, methods);
  std::vector<MethodDetails> details;
  details.reserve(methods.size());
  SecondMatching second(options);
  json summary = record;
  const std::vector<int> fold_of_case = methods[0].fold_of_case;  // all have the same cases
  for (MethodPairs& method : methods) {
    json own_record = record;
    const double threshold = Threshold(options, method, own_record);
    Progress progress("evaluating " + method.name, std::ssize(method.pairs));
    names.push_back(method.name);
    MethodDetails& own =
        details.emplace_back(options, method.name, detail_files[details.size()], threshold);
    second.BeginMethod(method.name, threshold);
    eval::SensitivityStudy study(threshold, options.match);
    const auto visit = [&](const eval::CaseInput& input,
                           const eval::LabelledCase& labelled,
                           eval::CaseLesions& result) {
      own.Visit(input, labelled, result);
      second.Add(input, labelled);
      if (options.sensitivity_analysis) study.Add(input, labelled, result);
    };
    summaries.push_back(eval::EvaluateLesions(method.pairs.size(),
                                              LesionLoader(method.pairs, progress),
                                              threshold,
                                              options.match,
                                              visit));
    progress.Finish();
    if (options.sensitivity_analysis) {
      sensitivity.push_back(
          {method.name, study.Rows(summaries.back(), options.froc, fold_of_case)});
    }
    curves.push_back(
        eval::CurvesOf(method.name, summaries.back(), options.froc, options.compare.seed));
    own_record["froc"] = eval::CurvesJson(curves.back(), options.froc);
    if (methods.size() > 1) {
      eval::WriteReport(fs::path(options.output_dir) / method.name, summaries.back(), own_record);
      summary["methods"][method.name] = eval::SummaryJson(summaries.back())["lesions"];
      summary["methods"][method.name]["froc"] = own_record["froc"];
    } else {
      summary = own_record;
    }
  }
  const eval::Comparison comparison = eval::CompareMethods(names, summaries, options.compare);
  RemoveOptionalFiles(options.output_dir);
  summary["comparison"] = eval::ComparisonJson(comparison);
  std::vector<eval::ReportSection> sections = {MeansOf(names, summaries, fold_of_case, summary),
                                               eval::AuditSection(names, summaries)};
  const auto append = [&sections](std::vector<eval::ReportSection> more) {
    std::move(more.begin(), more.end(), std::back_inserter(sections));
  };
  append(second.Write(summary));
  append(WriteSensitivity(options, comparison, summaries, sensitivity));
  append(WriteDetails(options, summaries, details, summary));
  sections.push_back(RulesSection(options));
  if (methods.size() > 1) {
    WriteFileAtomically(fs::path(options.output_dir) / "summary.json", summary.dump(2) + "\n");
  } else {
    eval::WriteReport(options.output_dir, summaries[0], summary);
    summary.update(eval::SummaryJson(summaries[0]));
  }
  eval::MethodResults results{.comparison = comparison,
                              .summaries = summaries,
                              .curves = curves,
                              .threshold_source = SourceOf(options, methods[0]),
                              .froc = options.froc};
  for (const MethodPairs& method : methods) results.tunings.push_back(method.tuning);
  WriteComparison(options, methods, results, std::move(sections), summary);
  if (context.json) {
    std::cout << summary.dump(2) << "\n";
  } else if (!context.quiet) {
    std::cout << (methods.size() > 1 ? eval::Table1(comparison, eval::TableFormat::kMarkdown)
                                     : eval::SummaryMarkdown(summaries[0]));
  }
  return summaries;
}

}  // namespace sap::cli
