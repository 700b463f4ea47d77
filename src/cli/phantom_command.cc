// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <filesystem>

#include <nlohmann/json.hpp>

#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/progress.h"
#include "sap/phantom/cohort_writer.h"
#include "sap/phantom/stations.h"

namespace sap::cli {
namespace {

// A cohort, or with `stations` what a scanner would deliver of it.
struct PhantomCommandOptions {
  phantom::PhantomOptions cohort;
  phantom::StationOptions stations;

  template <typename Visitor>
  void Describe(Visitor& v) {
    cohort.Describe(v);
    stations.Describe(v);
  }
};

int Run(const PhantomCommandOptions& all, const AppContext& context) {
  const phantom::PhantomOptions& options = all.cohort;
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
  const auto on_case = [&](const std::string& case_id) { progress.Advance(1, case_id); };
  const int num_written = all.stations.format == phantom::StationFormat::kNone
                              ? phantom::WriteCohort(options, atlas, on_case)
                              : phantom::WriteStationCohort(options, all.stations, atlas, on_case);
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
  PhantomCommandOptions options;
  OptionTable table(options);
  const AppInfo info{
      .name = "sap-phantom",
      .summary = "writes a synthetic whole-body MRI cohort with known bones and lesions",
      .example =
          "sap-phantom --output_dir cohort --num_healthy 4 --num_metastatic 8\n"
          "sap-phantom --config configs/phantom.yaml --set spacing=4\n"
          "sap-phantom --output_dir scans --stations dicom  # then sap-preprocess scans/input",
      .config_name = "phantom.yaml"};
  return RunApp(
      argc, argv, info, table, [&](const AppContext& context) { return Run(options, context); });
}

}  // namespace sap::cli
