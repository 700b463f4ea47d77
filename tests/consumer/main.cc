// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <ATen/ATen.h>
#include <c10/core/InferenceMode.h>
#include <fmt/format.h>

#include "sap/core/error.h"
#include "sap/core/provenance.h"
#include "sap/nn/swin_unetr.h"

// One forward pass of a small network: touches headers, LibTorch and both libraries of the
// installed package.
int main() {
  try {
    const c10::InferenceMode no_gradients;
    sap::nn::SwinUnetr network(sap::nn::SwinUnetrOptions{.in_channels = 2, .feature_size = 12});
    network->eval();
    const at::Tensor image_BCXYZ = at::zeros({1, 2, 64, 32, 32}, at::kFloat);
    const at::Tensor logits_BKXYZ = network->forward(image_BCXYZ);
    SAP_CHECK(logits_BKXYZ.isfinite().all().item<bool>(), "logits are not finite");
    fmt::print("{}\nlogits {}\n", sap::VersionText(), sap::ShapeString(logits_BKXYZ));
  } catch (const sap::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return sap::ExitCode(error.kind());
  }
  return EXIT_SUCCESS;
}
