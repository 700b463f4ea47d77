// SPDX-License-Identifier: Apache-2.0
#include <cstdio>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "cli/model_from_weights.h"
#include "sap/cli/app.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/core/provenance.h"
#include "sap/nn/swin_unetr.h"

namespace sap::cli {
namespace {

struct DoctorOptions {
  template <typename Visitor>
  void Describe(Visitor&) {}
};

// One forward and backward pass of a small network; says whether all numbers are finite.
bool SelfTest() {
  nn::SwinUnetr model(nn::SwinUnetrOptions{.feature_size = 12});
  const Tensor logits_BKXYZ = model->forward(at::rand({1, 2, 64, 32, 32}));
  logits_BKXYZ.square().mean().backward();
  bool finite = at::isfinite(logits_BKXYZ).all().item<bool>();
  for (const Tensor& parameter : model->parameters()) {
    finite =
        finite && parameter.grad().defined() && at::isfinite(parameter.grad()).all().item<bool>();
  }
  return finite;
}

int Examine(const AppContext& context) {
  SetNumThreads(0);
  nlohmann::json facts = ProvenanceWithThreads();
  facts["cores"] = AvailableCores();
  facts["gpu"] = at::globalContext().hasCUDA();
  facts["bf16_is_fast"] = train::UseBf16(train::Precision::kAuto, DeviceFromName("auto"));
  facts["self_test"] = SelfTest() ? "passed" : "failed";
  if (context.json) {
    std::printf("%s\n", facts.dump(2).c_str());
  } else {
    std::fputs(VersionText().c_str(), stdout);
    std::printf("Cores: %d\nGPU: %s\nFast bf16: %s\nSelf-test (one training pass): %s\n",
                AvailableCores(),
                facts["gpu"] ? "yes" : "no",
                facts["bf16_is_fast"] ? "yes" : "no",
                facts["self_test"].get<std::string>().c_str());
  }
  return facts["self_test"] == "passed" ? 0 : ExitCode(ErrorKind::kBug);
}

}  // namespace

int DoctorMain(int argc, char** argv) {
  DoctorOptions options;
  OptionTable table(options);
  const AppInfo info = {.name = "sap-doctor",
                        .summary = "what this build and machine can do, and a self-test",
                        .example = "sap-doctor\nsap-doctor --json"};
  return RunApp(argc, argv, info, table, Examine);
}

}  // namespace sap::cli
