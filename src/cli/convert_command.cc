// SPDX-License-Identifier: Apache-2.0
#include <iostream>

#include <nlohmann/json.hpp>

#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/log.h"
#include "sap/core/options.h"
#include "sap/transfer/convert_weights.h"

namespace sap::cli {

int ConvertMain(int argc, char** argv) {
  transfer::ConvertOptions options;
  OptionTable table(options);
  const AppInfo info = {
      .name = "sap-convert",
      .summary = "Converts weights between .pt and .safetensors and between key layouts.",
      .example =
          "sap-convert --set input=model_final.pt --set output=skeleton.safetensors\n"
          "sap-convert --set input=runs/ssl/fold_0/checkpoints/step-000100 "
          "--set output=model_swinvit.pt --set layout=ssl"};
  return RunApp(argc, argv, info, table, [&](const AppContext& context) {
    const transfer::LoadReport report = transfer::ConvertWeights(options, context.dry_run);
    if (context.json) {
      std::cout << report.Json().dump(2) << "\n";
    } else if (!context.quiet) {
      std::cout << report.Text();
    }
    if (!context.dry_run) log::Info("wrote {}", options.output);
    return 0;
  });
}

}  // namespace sap::cli
