// SPDX-License-Identifier: Apache-2.0
#include "cli/train_run.h"

#include <algorithm>

#include <nlohmann/json.hpp>

#include "cli/build_task.h"
#include "cli/model_from_weights.h"
#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/parallel.h"
#include "sap/core/provenance.h"

namespace sap::cli {
namespace {

using nlohmann::json;

std::vector<std::size_t> CasesNamed(const data::Cohort& cohort,
                                    const std::vector<std::string>& ids,
                                    const char* option) {
  std::vector<std::size_t> found;
  std::vector<std::string> missing;
  for (const std::string& id : ids) {
    const auto position = cohort.Find(id);
    position ? found.push_back(*position) : missing.push_back(id);
  }
  SAP_REQUIRE(ErrorKind::kOption,
              missing.empty(),
              "{}: not in the cohort: {}; its cases are the folder names",
              option,
              fmt::join(missing, ", "));
  return found;
}

std::vector<std::size_t> AllCases(const data::Cohort& cohort,
                                  const std::vector<std::size_t>& without) {
  std::vector<std::size_t> cases;
  for (std::size_t i = 0; i < cohort.cases.size(); ++i) {
    if (std::find(without.begin(), without.end(), i) == without.end()) cases.push_back(i);
  }
  return cases;
}

// Cases of `extra` join the cohort; returns where they stand.
std::vector<std::size_t> AppendCohort(const data::Cohort& extra, data::Cohort& cohort) {
  std::vector<std::size_t> added;
  for (const data::CaseRecord& record : extra.cases) {
    SAP_REQUIRE(ErrorKind::kInput,
                !cohort.Find(record.id),
                "{}: is in data.path and in val_path; a case is trained on or validated on",
                record.id);
    added.push_back(cohort.cases.size() + added.size());
  }
  cohort.cases.insert(cohort.cases.end(), extra.cases.begin(), extra.cases.end());
  return added;
}

// Explicit ids, or a fold, or everything. With a fold, validation looks at the tuning fold, or at
// the held-out fold where the split has none (or where the tuning fold itself is held out).
train::CaseSets ChooseCases(const TrainConfig& config, const PreparedRun& run) {
  train::CaseSets sets;
  sets.validation = run.cases.validation;  // of val_path
  for (const std::size_t i : CasesNamed(run.cohort, config.val_cases, "val_cases")) {
    sets.validation.push_back(i);
  }
  if (!config.train_cases.empty()) {
    sets.train = CasesNamed(run.cohort, config.train_cases, "train_cases");
    for (const std::size_t i : sets.train) {
      SAP_REQUIRE(
          ErrorKind::kOption,
          std::find(sets.validation.begin(), sets.validation.end(), i) == sets.validation.end(),
          "{}: is in train_cases and in val_cases; keep it in one",
          run.cohort.cases[i].id);
    }
  } else if (run.split) {
    data::FoldCases fold = data::CasesOfFold(*run.split, run.cohort, *config.fold);
    const auto tuning = run.split->tuning_fold;
    const bool watch_tuning = tuning && *tuning != *config.fold;
    if (sets.validation.empty()) {
      sets.validation =
          watch_tuning ? data::CasesOfFold(*run.split, run.cohort, *tuning).test : fold.test;
    }
    sets.train = std::move(fold.train);
    if (watch_tuning && !config.train_on_tuning_fold) {
      std::erase_if(sets.train, [&](std::size_t i) {
        return std::find(sets.validation.begin(), sets.validation.end(), i) !=
               sets.validation.end();
      });
    }
  } else {
    sets.train = AllCases(run.cohort, sets.validation);
  }
  return sets;
}

// Scans of patients are for testing: what learns from them without labels has seen them all the
// same. What is known to be a patient: a labelled lesion, or a role other than healthy.
void LeaveOutPatients(const PreparedRun& run, train::CaseSets& sets) {
  int64_t num_left_out = 0;
  const auto is_patient = [&](std::size_t i) {
    const std::string& role = run.cohort.cases[i].role;
    const bool patient =
        !run.store->CaseAt(i).lesions.empty() || (!role.empty() && role != "healthy");
    num_left_out += patient;
    return patient;
  };
  std::erase_if(sets.train, is_patient);
  std::erase_if(sets.validation, is_patient);
  if (num_left_out > 0) {
    log::Info("{} scans of patients are left out (ssl.patients: false)", num_left_out);
  }
  SAP_REQUIRE(
      ErrorKind::kInput,
      !sets.train.empty(),
      "no scan is left to learn from: all {} are of patients; give a healthy cohort, or set "
      "ssl.patients: true and test on other subjects",
      num_left_out);
}

json Manifest(const PreparedRun& run, const std::string& run_hash) {
  const auto ids = [&](const std::vector<std::size_t>& idxs) {
    std::vector<std::string> names;
    for (const std::size_t i : idxs) names.push_back(run.cohort.cases[i].id);
    return names;
  };
  json manifest = {{"provenance", ProvenanceWithThreads()},
                   {"run_hash", run_hash},
                   {"store_hash", run.store->Hash()},
                   {"train_cases", ids(run.cases.train)},
                   {"validation_cases", ids(run.cases.validation)}};
  if (run.split) {
    manifest["split_hash"] = run.split->Hash();
    manifest["split"] = run.split->folds;
  }
  return manifest;
}

}  // namespace

train::RunFiles RunFilesOf(const TrainConfig& config) {
  fs::path root = fs::path(config.output_dir) / config.name;
  if (config.fold) root /= fmt::format("fold_{}", *config.fold);
  return {root};
}

PreparedRun PrepareRun(const TrainConfig& config) {
  PreparedRun run;
  run.cohort = data::LoadCohort(config.data);
  if (!config.val_path.empty()) {
    data::CohortOptions extra = config.data;
    extra.path = config.val_path;
    run.cases.validation = AppendCohort(data::LoadCohort(extra), run.cohort);
  }
  run.store = data::OpenOrBuildStore(run.cohort, config.store);
  if (config.fold) {
    run.burden = data::MeasureBurden(*run.store);
    run.split = data::MakeSplit(config.split, run.cohort, run.burden);
    for (const std::string& warning : run.split->warnings) log::Warning("split: {}", warning);
  }
  run.cases = ChooseCases(config, run);
  if (config.task == TaskKind::kSsl && !config.ssl.patients) LeaveOutPatients(run, run.cases);
  return run;
}

train::TrainOutcome RunTraining(const TrainConfig& config) {
  SetNumThreads(config.num_threads);
  const c10::Device device = DeviceFromName(EnumName(config.device));
  const train::RunFiles files = RunFilesOf(config);
  train::RunDir run_dir(files.root, RunIdentity(config), config.resume);
  if (run_dir.status() == train::RunDir::Status::kFinished) {
    log::Info("{}: finished already; nothing to do", files.root.string());
    return train::TrainOutcome::kFinished;
  }
  const log::FileScope log_file(files.Log());
  const PreparedRun run = PrepareRun(config);
  const std::string run_hash =
      Sha256OfBytes(RunIdentity(config) + run.store->Hash() + (run.split ? run.split->Hash() : ""));
  const BuiltTask built = BuildTask(config, run, device);
  log::Info("{}", built.weights.Summary());
  for (const std::string& note : built.weights.notes) log::Info("weights: {}", note);
  log::Debug("{}", built.weights.Text());
  WriteFileAtomically(files.Ledger(), built.weights.Json().dump(2) + "\n");
  run_dir.WriteManifest(Manifest(run, run_hash));
  train::Optimizer optimizer(built.groups, config.trainer.optimizer);
  log::Info("{}: {} cases to train on, {} to validate on, {} steps an epoch",
            config.name,
            run.cases.train.size(),
            run.cases.validation.size(),
            built.task->StepsPerEpoch());
  train::Trainer trainer(*built.task, optimizer, run_dir, config.trainer, built.metadata, run_hash);
  return trainer.Run();
}

std::string DescribeRun(const TrainConfig& config) {
  SetNumThreads(config.num_threads);
  const PreparedRun run = PrepareRun(config);
  const BuiltTask built = BuildTask(config, run, DeviceFromName(EnumName(config.device)));
  int64_t num_parameters = 0;
  for (const auto& p : built.task->Model().parameters()) num_parameters += p.numel();
  std::string text;
  if (run.split) text += data::BalanceTable(*run.split, run.burden).Markdown() + "\n";
  text += fmt::format(
      "{} cases: {} to train on, {} to validate on\n{} parameters; {} steps an epoch, {} epochs\n"
      "weights: {}\nwould write {}\n",
      run.cohort.cases.size(),
      run.cases.train.size(),
      run.cases.validation.size(),
      num_parameters,
      built.task->StepsPerEpoch(),
      config.trainer.max_epochs,
      built.weights.Text(),
      RunFilesOf(config).root.string());
  return text;
}

}  // namespace sap::cli
