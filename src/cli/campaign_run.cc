// SPDX-License-Identifier: Apache-2.0
#include "cli/campaign_run.h"

#include <nlohmann/json.hpp>

#include "cli/model_from_weights.h"
#include "cli/train_run.h"
#include "sap/cli/app.h"
#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"
#include "sap/core/provenance.h"
#include "sap/core/tables.h"
#include "sap/image/volume_io.h"
#include "sap/train/stop_signal.h"

namespace sap::cli {
namespace {

using nlohmann::json;

infer::CaseFiles FilesOf(const data::CaseRecord& record) {
  return {.id = record.id, .images = record.images, .body = record.body};
}

// Probability maps of the fold that this run never saw.
void PredictHeldOut(const CampaignConfig& config, const train::CampaignCell& cell) {
  const TrainConfig run = TrainConfigOf(config, cell);
  const train::RunFiles files = RunFilesOf(run);
  if (fs::exists(PredictedMarker(files))) return;
  const ModelCard card = ReadModelCard(files.Final());
  const infer::Predictor predict = LoadPredictor(
      files.Final(), card, DeviceFromName(EnumName(run.device)), run.segmentation.precision);
  const PreparedRun prepared = PrepareRun(run);
  const auto held_out = data::CasesOfFold(*prepared.split, prepared.cohort, cell.fold).test;
  json done = {{"weights_sha256", card.sha256}, {"cases", json::array()}};
  Progress progress(cell.Name() + " prediction", static_cast<int64_t>(held_out.size()));
  for (const std::size_t case_idx : held_out) {
    const infer::CaseImage image =
        infer::ReadCase(FilesOf(prepared.cohort.cases[case_idx]), card.grid, config.predict);
    const infer::CasePrediction prediction = infer::PredictCase(
        image, 1, [&](std::size_t) { return predict; }, config.predict);
    const fs::path folder = files.Predictions() / image.id;
    CreateFolder(folder);
    WriteVolume(folder / "probability.nii.gz", prediction.probability);
    WriteVolume(folder / "prediction.nii.gz", prediction.labels);
    done["cases"].push_back(image.id);
    progress.Advance();
  }
  progress.Finish();
  done["provenance"] = ProvenanceWithThreads();
  WriteFileAtomically(PredictedMarker(files), done.dump(2) + "\n");
}

}  // namespace

int RunCampaign(const CampaignConfig& config) {
  const std::vector<train::CampaignCell> cells = CellsOf(config);
  std::vector<std::string> failures;
  ErrorKind kind = ErrorKind::kInput;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    log::Info("run {}/{}: {}", i + 1, cells.size(), cells[i].Name());
    try {
      if (RunTraining(TrainConfigOf(config, cells[i])) == train::TrainOutcome::kStopped) {
        return kExitStoppedOnRequest;
      }
      PredictHeldOut(config, cells[i]);
    } catch (const Error& error) {
      // A wrong config fails every run alike.
      if (error.kind() == ErrorKind::kOption) throw;
      if (failures.empty()) kind = error.kind();
      log::Warning("{}: failed: {}", cells[i].Name(), error.what());
      failures.push_back(fmt::format("{}: {}", cells[i].Name(), error.what()));
    }
  }
  SAP_REQUIRE(kind,
              failures.empty(),
              "{} of {} runs failed; the others are done. Run again to retry:\n{}",
              failures.size(),
              cells.size(),
              fmt::join(failures, "\n"));
  return 0;
}

std::string CampaignStatus(const CampaignConfig& config, bool as_json) {
  Table table({"run", "state", "epoch", "step", "loss", "score"});
  json list = json::array();
  for (const train::CampaignCell& cell : CellsOf(config)) {
    const train::RunFiles files = RunFilesOf(TrainConfigOf(config, cell));
    const train::CellStatus status = train::ReadCellStatus(cell, files, PredictedMarker(files));
    table.AddRow({cell.Name(),
                  train::StateWord(status.state),
                  fmt::format("{}", status.epoch),
                  fmt::format("{}", status.step),
                  status.step > 0 ? fmt::format("{:.4f}", status.loss) : "",
                  status.score ? fmt::format("{:.4f}", *status.score) : ""});
    list.push_back({{"run", cell.Name()},
                    {"state", train::StateWord(status.state)},
                    {"epoch", status.epoch},
                    {"step", status.step},
                    {"loss", status.loss},
                    {"score", status.score ? json(*status.score) : json()}});
  }
  return as_json ? list.dump(2) + "\n" : table.Markdown();
}

}  // namespace sap::cli
