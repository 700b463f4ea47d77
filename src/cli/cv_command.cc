// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include "cli/campaign_run.h"
#include "cli/train_run.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"

namespace sap::cli {
namespace {

void PrintPlan(const CampaignConfig& config) {
  std::fputs(CampaignStatus(config, /*as_json=*/false).c_str(), stdout);
  const TrainConfig first = TrainConfigOf(config, CellsOf(config).front());
  std::fputs(DescribeRun(first).c_str(), stdout);
}

int Campaign(CampaignConfig& config, const AppContext& context) {
  FinishCampaignConfig(config);
  if (context.verb == "status") {
    std::fputs(CampaignStatus(config, context.json).c_str(), stdout);
    return 0;
  }
  if (context.dry_run) {
    PrintPlan(config);
    return 0;
  }
  if (context.verb == "run") {
    const int code = RunCampaign(config);
    if (code != 0) return code;
  }
  std::fputs(CollectCampaign(config).c_str(), stdout);
  return 0;
}

}  // namespace

int CvMain(int argc, char** argv) {
  CampaignConfig config;
  OptionTable table(config);
  const AppInfo info = {
      .name = "sap-cv",
      .summary =
          "cross-validation: folds x initialisations x seeds, only what is missing, then "
          "one table",
      .example =
          "sap-cv run --config configs/campaign.yaml\n"
          "sap-cv status --config configs/campaign.yaml\n"
          "sap-cv collect --config configs/campaign.yaml",
      .verbs = {"run", "status", "collect"}};
  return RunApp(argc, argv, info, table, [&](const AppContext& context) {
    return Campaign(config, context);
  });
}

}  // namespace sap::cli
