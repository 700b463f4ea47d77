// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <map>

#include <nlohmann/json.hpp>

#include "cli/campaign_run.h"
#include "cli/evaluate_methods.h"
#include "cli/train_run.h"
#include "sap/cli/app.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/provenance.h"
#include "sap/core/tables.h"
#include "sap/eval/report.h"
#include "sap/eval/threshold.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

using nlohmann::json;

// A held-out case and where its probability map lies.
struct ScoredCase {
  const data::CaseRecord* record;
  fs::path probability;
};

struct MethodCases {
  std::vector<ScoredCase> tuning;
  std::vector<ScoredCase> test;
  std::vector<int> fold_of_test;
};

eval::CaseLoader LoaderOf(const std::vector<ScoredCase>& cases) {
  return [&cases](std::size_t i) {
    const Volume reference = ReadLabels(*cases[i].record->label);
    const Volume probability = ReadVolume(cases[i].probability);
    SAP_REQUIRE(ErrorKind::kGeometry,
                reference.SameGridAs(probability),
                "{}: the prediction is on another grid than the reference ({}); predict again",
                cases[i].record->id,
                reference.geometry().DifferenceFrom(probability.geometry()));
    return eval::CaseInput{
        cases[i].record->id, reference.data(), probability.data(), reference.geometry().spacing_mm};
  };
}

void RequireDone(const CampaignConfig& config) {
  std::vector<std::string> open;
  for (const train::CampaignCell& cell : CellsOf(config)) {
    const train::RunFiles files = RunFilesOf(TrainConfigOf(config, cell));
    const train::CellStatus status = train::ReadCellStatus(cell, files, PredictedMarker(files));
    if (status.state != train::CellState::kPredicted) {
      open.push_back(fmt::format("{} ({})", cell.Name(), train::StateWord(status.state)));
    }
  }
  SAP_REQUIRE(ErrorKind::kInput,
              open.empty(),
              "{} runs are not done: {}; run sap-cv run first",
              open.size(),
              fmt::join(open, ", "));
}

// The tuning fold's maps come from the run that held it out, so no threshold is chosen on cases
// that its model has seen (evaluation §1.5).
std::map<std::string, MethodCases> CasesByMethod(const CampaignConfig& config,
                                                 const data::Cohort& cohort,
                                                 const data::Split& split) {
  std::map<std::string, MethodCases> methods;
  for (const train::CampaignCell& cell : CellsOf(config)) {
    const train::RunFiles files = RunFilesOf(TrainConfigOf(config, cell));
    MethodCases& method = methods[cell.Method()];
    auto& cases = split.tuning_fold == cell.fold ? method.tuning : method.test;
    for (const std::size_t i : data::CasesOfFold(split, cohort, cell.fold).test) {
      const data::CaseRecord& record = cohort.cases[i];
      cases.push_back({&record, files.Predictions() / record.id / "probability.nii.gz"});
      if (&cases == &method.test) method.fold_of_test.push_back(cell.fold);
    }
  }
  return methods;
}

std::string Number(double value, int digits = 3) {
  return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-";
}

double Mean(const std::vector<double>& values) {
  const eval::Distribution summary = eval::Summarize(values);
  return summary.mean;
}

// The flat figures of one method: means over test patients, as the paper's abstract has them.
std::map<std::string, double> Figures(const eval::LesionSummary& summary) {
  std::vector<double> f2, sensitivity, fp, large_sensitivity, large_fp, global_dice;
  for (const eval::CaseLesions& exam : summary.cases) {
    f2.push_back(exam.all.F2());
    sensitivity.push_back(exam.all.Sensitivity());
    fp.push_back(static_cast<double>(exam.all.false_positives));
    large_sensitivity.push_back(exam.large.Sensitivity());
    large_fp.push_back(static_cast<double>(exam.large.false_positives));
    global_dice.push_back(exam.voxels.Dice());
  }
  return {{"f2", Mean(f2)},
          {"sensitivity", Mean(sensitivity)},
          {"precision", summary.pooled_all.Precision()},
          {"fp_per_exam", Mean(fp)},
          {"sensitivity_ge_1ml", Mean(large_sensitivity)},
          {"fp_per_exam_ge_1ml", Mean(large_fp)},
          {"dice_detected", Mean(summary.DetectedDice())},
          {"dice_global", Mean(global_dice)}};
}

std::vector<CasePair> PairsOf(const std::vector<ScoredCase>& cases) {
  std::vector<CasePair> pairs;
  for (const ScoredCase& one : cases) {
    pairs.push_back(
        {.id = one.record->id, .reference = *one.record->label, .prediction = one.probability});
  }
  return pairs;
}

// The paper's word for a method; its seed stands beside it only where there are several.
std::string PaperName(const std::string& method, std::size_t num_seeds) {
  const std::size_t at = method.find("_seed");
  const std::string init = method.substr(0, at);
  const std::string name = init == "random" ? "baseline" : init;
  return num_seeds == 1 || at == std::string::npos ? name : name + method.substr(at);
}

// The page that sap-evaluate writes: Table 1, tests, curves and pictures of all methods, from the
// maps of the runs that held each case out.
void WriteCampaignReport(const CampaignConfig& config,
                         const std::map<std::string, MethodCases>& cases_of_method,
                         const fs::path& folder) {
  EvaluateOptions options;
  options.match = config.evaluate;
  options.reference_dir = config.train.data.path;  // pictures come from its case folders
  options.published_values = (fs::path(ConfigFolder()) / "published_values.yaml").string();
  std::vector<MethodPairs> methods;
  for (const auto& [name, cases] : cases_of_method) {
    methods.push_back({.name = PaperName(name, config.seeds.size()),
                       .pairs = PairsOf(cases.test),
                       .tuning_pairs = PairsOf(cases.tuning),
                       .tuning_held_out = true,
                       .fold_of_case = cases.fold_of_test});
  }
  AppContext quiet;
  quiet.quiet = true;
  // Arms of a campaign may run and collect side by side: each page appears whole.
  WriteFolderAtomically(folder, /*replace=*/true, [&](const fs::path& temporary) {
    options.output_dir = temporary.string();
    EvaluateLesionMethods(options, methods, {{"provenance", Provenance()}}, quiet);
  });
}

}  // namespace

std::string CollectCampaign(const CampaignConfig& config) {
  RequireDone(config);
  TrainConfig any = TrainConfigOf(config, CellsOf(config).front());
  const PreparedRun prepared = PrepareRun(any);
  const fs::path folder = CampaignFolder(config) / "cv";
  CreateFolder(folder);
  Table table({"method",
               "threshold",
               "F2",
               "sensitivity",
               "precision",
               "FP/exam",
               "sensitivity >= 1 mL",
               "FP/exam >= 1 mL",
               "Dice detected",
               "Dice global"});
  json summary = {{"provenance", Provenance()},
                  {"split_hash", prepared.split->Hash()},
                  {"methods", json::object()}};
  const auto cases_of_method = CasesByMethod(config, prepared.cohort, *prepared.split);
  for (const auto& [method, cases] : cases_of_method) {
    double threshold = 0.5;
    json tuning;
    if (!cases.tuning.empty()) {
      const eval::ThresholdChoice choice =
          eval::TuneThreshold(cases.tuning.size(), LoaderOf(cases.tuning), config.evaluate);
      threshold = choice.threshold;
      tuning = eval::ThresholdJson(choice);
    }
    const eval::LesionSummary result =
        eval::EvaluateLesions(cases.test.size(), LoaderOf(cases.test), threshold, config.evaluate);
    eval::WriteReport(folder / method, result, {{"method", method}, {"tuning", tuning}});
    const auto figures = Figures(result);
    table.AddRow({method,
                  Number(threshold, 2),
                  Number(figures.at("f2")),
                  Number(figures.at("sensitivity")),
                  Number(figures.at("precision")),
                  Number(figures.at("fp_per_exam"), 2),
                  Number(figures.at("sensitivity_ge_1ml")),
                  Number(figures.at("fp_per_exam_ge_1ml"), 2),
                  Number(figures.at("dice_detected")),
                  Number(figures.at("dice_global"))});
    json entry = {{"threshold", threshold}, {"num_exams", cases.test.size()}};
    for (const auto& [name, value] : figures) {
      entry[name] = std::isfinite(value) ? json(value) : json();
    }
    summary["methods"][method] = entry;
  }
  WriteFileAtomically(folder / "summary.json", summary.dump(2) + "\n");
  WriteFileAtomically(folder / "table.csv", table.Csv());
  WriteFileAtomically(folder / "table.md", table.Markdown());
  WriteCampaignReport(config, cases_of_method, folder / "report");
  return table.Markdown();
}

}  // namespace sap::cli
