// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "sap/nn/swin_unetr.h"
#include "support/fill.h"

namespace sap::nn {

// A small network whose weights are the deterministic fill, in eval mode.
inline SwinUnetr MakeFilledNetwork(const SwinUnetrOptions& options, at::ScalarType dtype) {
  SwinUnetr network(options);
  testing::FillParameters(*network);
  network->to(dtype);
  network->eval();
  return network;
}

inline SwinUnetrOptions SmallOptions() {
  SwinUnetrOptions options;
  options.feature_size = 12;
  return options;
}

// The submodule of that full name, "swinViT.layers1.0.blocks.0".
template <typename Impl>
std::shared_ptr<Impl> Submodule(const SwinUnetr& network, const std::string& name) {
  return std::dynamic_pointer_cast<Impl>(network->named_modules()[name]);
}

}  // namespace sap::nn
