// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
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

// A held-out case beside the map of the run that held it out.
CasePair PairOf(const data::CaseRecord& record, const train::RunFiles& files) {
  const CasePair pair{.id = record.id,
                      .reference = *record.label,
                      .prediction = files.Predictions() / record.id / "probability.nii.gz"};
  const std::string difference =
      ReadGeometry(pair.reference).DifferenceFrom(ReadGeometry(pair.prediction));
  SAP_REQUIRE(ErrorKind::kGeometry,
              difference.empty(),
              "{}: the prediction is on another grid than the reference ({}); predict again",
              record.id,
              difference);
  return pair;
}

// The method of that name, added at the end where there is none.
MethodPairs& MethodOf(const std::string& name, std::vector<MethodPairs>& methods) {
  const auto found = std::find_if(methods.begin(), methods.end(), [&](const MethodPairs& method) {
    return method.name == name;
  });
  if (found != methods.end()) return *found;
  return methods.emplace_back(MethodPairs{.name = name, .tuning_held_out = true});
}

// By id, as tables list exams; folds come in any order.
void AddSorted(CasePair pair, int fold, MethodPairs& method) {
  const auto place = std::lower_bound(
      method.pairs.begin(), method.pairs.end(), pair, [](const CasePair& a, const CasePair& b) {
        return a.id < b.id;
      });
  method.fold_of_case.insert(method.fold_of_case.begin() + (place - method.pairs.begin()), fold);
  method.pairs.insert(place, std::move(pair));
}

// Methods in the order of the campaign's cells. The tuning fold's maps come from the run that held
// it out, so no threshold is chosen on cases that its model has seen (evaluation §1.5).
std::vector<MethodPairs> MethodsOf(const CampaignConfig& config,
                                   const data::Cohort& cohort,
                                   const data::Split& split) {
  std::vector<MethodPairs> methods;
  for (const train::CampaignCell& cell : CellsOf(config)) {
    const train::RunFiles files = RunFilesOf(TrainConfigOf(config, cell));
    MethodPairs& method = MethodOf(cell.Method(), methods);
    for (const std::size_t i : data::CasesOfFold(split, cohort, cell.fold).test) {
      CasePair pair = PairOf(cohort.cases[i], files);
      if (split.tuning_fold == cell.fold) {
        method.tuning_pairs.push_back(std::move(pair));
      } else {
        AddSorted(std::move(pair), cell.fold, method);
      }
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

// The paper's word for a method; its seed stands beside it only where there are several.
std::string PaperName(const std::string& method, std::size_t num_seeds) {
  const std::size_t at = method.find("_seed");
  const std::string init = method.substr(0, at);
  const std::string name = init == "random" ? "baseline" : init;
  return num_seeds == 1 || at == std::string::npos ? name : name + method.substr(at);
}

// Evaluates every method and writes the page of sap-evaluate: Table 1, tests, curves and pictures.
std::vector<eval::LesionSummary> WriteCampaignReport(const CampaignConfig& config,
                                                     std::vector<MethodPairs>& methods,
                                                     const fs::path& folder) {
  EvaluateOptions options;
  options.match = config.evaluate;
  options.reference_dir = config.train.data.path;  // pictures come from its case folders
  options.published_values = (fs::path(ConfigFolder()) / "published_values.yaml").string();
  AppContext quiet;
  quiet.quiet = true;
  std::vector<eval::LesionSummary> summaries;
  // Arms of a campaign may run and collect side by side: each page appears whole.
  WriteFolderAtomically(folder, /*replace=*/true, [&](const fs::path& temporary) {
    options.output_dir = temporary.string();
    summaries = EvaluateLesionMethods(options, methods, {{"provenance", Provenance()}}, quiet);
  });
  return summaries;
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
  const std::vector<MethodPairs> by_name = MethodsOf(config, prepared.cohort, *prepared.split);
  std::vector<MethodPairs> methods = by_name;
  for (MethodPairs& method : methods) method.name = PaperName(method.name, config.seeds.size());
  const std::vector<eval::LesionSummary> summaries =
      WriteCampaignReport(config, methods, folder / "report");
  for (std::size_t m = 0; m < methods.size(); ++m) {
    const std::string& method = by_name[m].name;
    const eval::LesionSummary& result = summaries[m];
    const double threshold = result.threshold;
    const json tuning = methods[m].tuning ? eval::ThresholdJson(*methods[m].tuning) : json();
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
    json entry = {{"threshold", threshold}, {"num_exams", result.cases.size()}};
    for (const auto& [name, value] : figures) {
      entry[name] = std::isfinite(value) ? json(value) : json();
    }
    summary["methods"][method] = entry;
  }
  WriteFileAtomically(folder / "summary.json", summary.dump(2) + "\n");
  WriteFileAtomically(folder / "table.csv", table.Csv());
  WriteFileAtomically(folder / "table.md", table.Markdown());
  return table.Markdown();
}

}  // namespace sap::cli
