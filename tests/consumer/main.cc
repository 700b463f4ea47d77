// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "sap/core/error.h"
#include "sap/core/provenance.h"
#include "sap/nn/window.h"

// Tokens cut into attention windows and put back are the tokens: touches headers, LibTorch and
// both libraries of the installed package.
int main() {
  try {
    const sap::nn::WindowGeometry geometry =
        sap::nn::PlanWindows({.x = 8, .y = 9, .z = 10}, /*shifted=*/true);
    const sap::nn::WindowMap map = sap::nn::BuildWindowMap(geometry, at::kCPU);
    const at::Tensor tokens_BVE = at::arange(8 * 9 * 10 * 4, at::kFloat).view({1, 720, 4});
    const at::Tensor windows_MNE =
        sap::nn::PartitionWindows(tokens_BVE, at::zeros({4}, at::kFloat), map);
    const at::Tensor back_BVE = sap::nn::ReverseWindows(windows_MNE, map);
    SAP_CHECK(at::equal(back_BVE, tokens_BVE), "windows do not invert");
    fmt::print("{}\n{} windows\n", sap::VersionText(), geometry.NumWindows());
  } catch (const sap::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return sap::ExitCode(error.kind());
  }
  return EXIT_SUCCESS;
}
