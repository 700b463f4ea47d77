// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/nn/swin_unetr.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/init_strategy.h"

namespace sap::testing {

// The smallest Swin UNETR.
inline nn::SwinUnetrOptions SmallNetwork() {
  nn::SwinUnetrOptions options;
  options.feature_size = 12;
  return options;
}

// A state dict of such a network with every weight set to `value`, as a file would hold it.
inline nn::NamedTensors FilledWeights(const nn::SwinUnetrOptions& options, double value) {
  const nn::SwinUnetr model(options);
  nn::NamedTensors weights;
  for (const auto& [name, tensor] : nn::StateDict(*model)) {
    const Tensor copy = tensor.detach().clone();
    weights.entries.emplace_back(name, copy.is_floating_point() ? copy.fill_(value) : copy);
  }
  weights.metadata = transfer::NetworkMetadata(options);
  return weights;
}

inline void RenameAll(nn::NamedTensors& weights, const std::string& prefix) {
  for (auto& entry : weights.entries) entry.first = prefix + entry.first;
}

inline Tensor StateOf(const nn::SwinUnetr& model, std::string_view name) {
  for (const auto& [candidate, tensor] : nn::StateDict(*model)) {
    if (candidate == name) return tensor.detach();
  }
  return {};
}

template <typename Action>
::testing::AssertionResult Refuses(ErrorKind kind, const Action& action, const std::string& part) {
  try {
    action();
  } catch (const Error& error) {
    if (error.kind() == kind && std::string(error.what()).find(part) != std::string::npos) {
      return ::testing::AssertionSuccess();
    }
    return ::testing::AssertionFailure() << "no '" << part << "' in: " << error.what();
  }
  return ::testing::AssertionFailure() << "nothing was thrown";
}

}  // namespace sap::testing
