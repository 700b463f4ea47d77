// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/progress.h"
#include "sap/phantom/cohort_writer.h"

namespace sap::cli {
namespace {

int Run(const phantom::PhantomOptions& options, const AppContext& context) {
  const auto cases = phantom::PlanCohort(options);
  SAP_REQUIRE(ErrorKind::kOption,
              !cases.empty(),
              "nothing to write: num_healthy and num_metastatic are 0; raise one of them");
  if (context.dry_run) {
    fmt::print("would write {} cases, {} to {}\n",
               cases.size(),
               cases.front().case_id,
               cases.back().case_id);
    return 0;
  }
  const std::filesystem::path atlas_folder =
      options.atlas.empty() ? std::filesystem::path(ConfigFolder()) / "atlas" / "bodyparts3d"
                            : std::filesystem::path(options.atlas);
  const phantom::Atlas atlas = phantom::LoadAtlas(atlas_folder);
  Progress progress("cases", static_cast<int64_t>(cases.size()));
  const int num_written = phantom::WriteCohort(
      options, atlas, [&](const std::string& case_id) { progress.Advance(1, case_id); });
  progress.Finish();
  if (context.json) {
    const nlohmann::json result = {{"cases", cases.size()}, {"written", num_written}};
    fmt::print("{}\n", result.dump());
  } else {
    fmt::print("{} cases in {} ({} new)\n", cases.size(), options.output_dir, num_written);
  }
  return 0;
}

}  // namespace

int PhantomMain(int argc, char** argv) {
  phantom::PhantomOptions options;
  OptionTable table(options);
  const AppInfo info{
      .name = "sap-phantom",
      .summary = "writes a synthetic whole-body MRI cohort with known bones and lesions",
      .example =
          "sap-phantom --output_dir cohort --num_healthy 4 --num_metastatic 8\n"
          "sap-phantom --config configs/phantom.yaml --set spacing=4",
      .config_name = "phantom.yaml"};
  return RunApp(
      argc, argv, info, table, [&](const AppContext& context) { return Run(options, context); });
}

}  // namespace sap::cli
