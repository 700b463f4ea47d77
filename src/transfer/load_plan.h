// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sap/core/tensor.h"
#include "sap/transfer/key_map.h"
#include "sap/transfer/load_report.h"

namespace sap::transfer {

using StateEntries = std::vector<std::pair<std::string, Tensor>>;

// What is to be copied where, and the report of it. Making a plan changes no tensor.
struct LoadPlan {
  LoadReport report;
  std::vector<std::pair<Tensor, Tensor>> copies;  // model tensor, value
  std::vector<std::string> shape_faults;
  std::vector<std::string> missing;     // model tensors in scope that the file lacks
  std::vector<std::string> unexpected;  // file tensors that the model does not know

  void Execute() const;
};

struct PlanRules {
  // Why a model tensor stays as constructed; empty for one that is taken from the file.
  std::function<std::string(std::string_view name)> reason_to_keep;
  bool adapt_input_channels = false;
};

LoadPlan MakePlan(const StateEntries& model, const MappedWeights& file, const PlanRules& rules);

// [out, file channels, ...] -> [out, num_channels, ...] such that an image whose channels are all
// alike gives the same response.
Tensor AdaptInputChannels(const Tensor& weight, int64_t num_channels);

// "a, b, c and 12 more".
std::string SomeOf(const std::vector<std::string>& names, std::size_t limit = 6);

}  // namespace sap::transfer
