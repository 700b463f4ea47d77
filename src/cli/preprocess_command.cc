// SPDX-License-Identifier: Apache-2.0
#include <iostream>
#include <mutex>
#include <optional>
#include <sstream>

#include <nlohmann/json.hpp>

#include "cli/preprocess_at_once.h"
#include "cli/preprocess_case.h"
#include "cli/preprocess_cases.h"
#include "cli/preprocess_cohort.h"
#include "cli/preprocess_input.h"
#include "cli/preprocess_standardise.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/page_cache.h"
#include "sap/core/progress.h"
#include "sap/preprocess/station_faults.h"

namespace sap::cli {
namespace {

using nlohmann::json;

struct Outcome {
  std::vector<std::string> done;  // made now or found finished
  int made = 0;
  std::vector<std::string> failures;
  ErrorKind kind = ErrorKind::kInput;
};

// Whether it was made now.
bool RunOne(const Patient& patient, const PreprocessOptions& options) {
  const std::string& case_id = patient.case_id;
  const std::string input_sha256 = InputHash(patient, options);
  const std::string key = CaseKey(input_sha256, options);
  const fs::path folder = fs::path(options.output_dir) / case_id;
  if (!options.from && FinishedRecord(folder, key)) {
    log::Info("{}: unchanged, left as it is", case_id);
    return false;
  }
  PreprocessOne(patient, input_sha256, key, options);
  return true;
}

struct CaseEnd {
  bool made = false;
  std::string failure;  // empty when all went well
  ErrorKind kind = ErrorKind::kInput;
};

CaseEnd Failed(const std::string& case_id, ErrorKind kind, const std::string& text) {
  log::Warning("{}: failed", case_id);
  return {.failure = text.starts_with(case_id + ": ") ? text : case_id + ": " + text, .kind = kind};
}

CaseEnd TryOne(const Patient& patient, const PreprocessOptions& options) {
  try {
    return {.made = RunOne(patient, options)};
  } catch (const Error& error) {
    return Failed(patient.case_id, error.kind(), error.what());
  } catch (const std::exception& error) {  // a library's, which nobody turned into an Error
    return Failed(patient.case_id, ErrorKind::kBug, error.what());
  }
}

// A failed patient does not stop the others, whatever threw; together they decide the end, in the
// order of patients however many were made at once.
Outcome RunAll(const std::vector<Patient>& patients, const PreprocessOptions& options) {
  Progress progress("cases", static_cast<int64_t>(patients.size()));
  std::vector<CaseEnd> ends(patients.size());
  const std::optional<int64_t> most_bytes = options.MaxRamBytes();
  std::mutex progress_mutex;
  RunAtOnce(
      patients.size(),
      options.jobs,
      most_bytes,
      [&](std::size_t i) { return most_bytes ? EstimatedBytes(patients[i], options) : 0; },
      [&](std::size_t i) {
        ends[i] = TryOne(patients[i], options);
        const std::lock_guard lock(progress_mutex);
        progress.Advance(1, patients[i].case_id);
      });
  progress.Finish();
  Outcome outcome;
  for (std::size_t i = 0; i < patients.size(); ++i) {
    outcome.made += ends[i].made ? 1 : 0;
    if (ends[i].failure.empty()) {
      outcome.done.push_back(patients[i].case_id);
      continue;
    }
    if (outcome.failures.empty()) outcome.kind = ends[i].kind;
    outcome.failures.push_back(ends[i].failure);
  }
  return outcome;
}

// The same faults that a run would meet before its first step.
std::vector<std::string> FaultsOf(const Patient& patient, const PreprocessOptions& options) {
  try {
    RequireOwnCase(patient, options);
    return preprocess::StationFaults(
        OutlinePatient(patient, options), options.pipeline, options.max_gap_mm);
  } catch (const std::exception& error) {
    std::vector<std::string> faults;
    std::istringstream lines(error.what());
    for (std::string line; std::getline(lines, line);) faults.push_back(line);
    return faults;
  }
}

// What would be used of a patient, or why nothing would: a fault of one hides no other.
bool ListOne(const Patient& patient, const PreprocessOptions& options) {
  std::string text;
  bool good = true;
  try {
    text = ListPatient(patient, options);
    good = ("\n" + text).find("\nrefused: ") == std::string::npos;
  } catch (const std::exception& error) {
    text = fmt::format("refused: {}\n", error.what());
    good = false;
  }
  if (good) {  // else the stations are not known well enough
    for (const std::string& fault : FaultsOf(patient, options)) {
      text += fmt::format("refused: {}\n", fault);
      good = false;
    }
  }
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) std::cout << "  " << line << "\n";
  return good;
}

// Unreadable folders are not finished; ListOne says what is wrong with them.
bool IsFinished(const Patient& patient, const PreprocessOptions& options) {
  try {
    return FinishedRecord(fs::path(options.output_dir) / patient.case_id,
                          CaseKey(InputHash(patient, options), options))
        .has_value();
  } catch (const Error&) {
    return false;
  }
}

int DryRun(const std::vector<Patient>& patients, const PreprocessOptions& options) {
  bool good = true;
  for (const Patient& patient : patients) {
    const bool done = IsFinished(patient, options);
    std::cout << fmt::format("{}: {}\n", patient.case_id, done ? "finished" : "to do");
    if (!done) good = ListOne(patient, options) && good;
  }
  return good ? 0 : ExitCode(ErrorKind::kInput);
}

struct CohortEnd {
  int standardised = 0;
  std::vector<std::string> flagged;
  std::string failure;  // beside failed cases; without one it is thrown
};

// The table and a fitted scale are the cohort's: a share of it, whose neighbours may be at work,
// makes neither, and a cohort with a hole would fit another scale. A given scale suits any share.
CohortEnd FinishCohort(const Outcome& outcome, const PreprocessOptions& options) {
  CohortEnd end;
  const bool whole = options.part.empty() && options.cases.empty() && outcome.failures.empty();
  try {
    if (options.standardise && (whole || !options.scale_from.empty())) {
      end.standardised = Standardise(outcome.done, options);
    }
    if (!options.part.empty()) return end;
    end.flagged = WriteCohortTable(options);
  } catch (const Error& error) {  // a full disk must not hide which cases failed
    if (outcome.failures.empty()) throw;
    end.failure = fmt::format("\n{}", error.what());
  }
  for (const std::string& case_id : end.flagged) {
    log::Warning("{}: an outlier of the cohort; see preprocess_cohort.csv", case_id);
  }
  return end;
}

int Preprocess(const PreprocessOptions& options, const AppContext& context) {
  const std::vector<Patient> patients = PatientsOf(options);
  RequireSequences(options);
  RequireScale(options);
  if (context.dry_run) return DryRun(patients, options);
  RequireWritableFolder(options.output_dir, 0);
  SetPageCacheExchange(true);
  const Outcome outcome = RunAll(patients, options);
  const CohortEnd end = FinishCohort(outcome, options);
  SAP_REQUIRE(outcome.kind,
              outcome.failures.empty(),
              "{} of {} cases failed:\n{}{}",
              outcome.failures.size(),
              patients.size(),
              fmt::join(outcome.failures, "\n"),
              end.failure);
  if (context.json) {
    std::cout << json({{"cases", patients.size()},
                       {"made", outcome.made},
                       {"images_standardised", end.standardised},
                       {"outliers", end.flagged}})
                     .dump()
              << "\n";
  } else if (!context.quiet) {
    std::cout << fmt::format("{} cases ({} made now, {} images standardised, {} flagged)\n",
                             patients.size(),
                             outcome.made,
                             end.standardised,
                             end.flagged.size());
  }
  return 0;
}

// A preset is a set of defaults: it is known before the other keys are read.
std::vector<std::string> TakePreset(const ConfigNode& config, PreprocessOptions& options) {
  const ConfigNode* node = config.Find("preset");
  if (node == nullptr) return {};
  const auto preset = EnumFromName<preprocess::Preset>(node->scalar);
  if (preset) options.pipeline = preprocess::PresetOptions(*preset);
  return {};
}

}  // namespace

int PreprocessMain(int argc, char** argv) {
  PreprocessOptions options;
  OptionTable table(options);
  const AppInfo info = {
      .name = "sap-preprocess",
      .summary = "Turns whole-body MRI stations into case folders with T1 and b1000 on one grid.",
      .example =
          "sap-preprocess --input_dir stations --output_dir cohort\n"
          "sap-preprocess --config configs/preprocess.yaml --set part=1/4",
      .config_name = "preprocess.yaml"};
  return RunApp(
      argc,
      argv,
      info,
      table,
      [&](const AppContext& context) { return Preprocess(options, context); },
      [&](ConfigNode& config) { return TakePreset(config, options); });
}

}  // namespace sap::cli
