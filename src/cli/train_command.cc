// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <nlohmann/json.hpp>

#include "cli/authors_config.h"
#include "cli/train_run.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"

namespace sap::cli {
namespace {

int Train(TrainConfig& config, const AppContext& context) {
  FinishTrainConfig(config);
  if (context.dry_run) {
    std::fputs(DescribeRun(config).c_str(), stdout);
    return 0;
  }
  const train::TrainOutcome outcome = RunTraining(config);
  const train::RunFiles files = RunFilesOf(config);
  const bool finished = outcome == train::TrainOutcome::kFinished;
  if (context.json) {
    const nlohmann::json facts = {{"run", files.root.string()}, {"finished", finished}};
    std::printf("%s\n", facts.dump().c_str());
  } else if (finished) {
    std::printf("%s\n", files.Final().c_str());
  }
  return finished ? 0 : kExitStoppedOnRequest;
}

}  // namespace

int TrainMain(int argc, char** argv) {
  TrainConfig config;
  OptionTable table(config);
  const AppInfo info = {
      .name = "sap-train",
      .summary =
          "trains one network: the skeleton's regions, lesions from random, SSL or SAP weights, "
          "or the encoder alone without labels (ssl)",
      .example =
          "sap-train --config configs/lesion_sap.yaml --set fold=1\n"
          "sap-train --set task=skeleton --set data.path=cohort --set name=skeleton\n"
          "sap-train --config configs/ssl.yaml --set data.path=healthy"};
  return RunApp(
      argc,
      argv,
      info,
      table,
      [&](const AppContext& context) { return Train(config, context); },
      [&](ConfigNode& node) {
        auto notices = TranslateAuthorsFinetune(node);
        ApplyTaskDefaults(node, config);
        return notices;
      });
}

}  // namespace sap::cli
