// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/param_groups.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace sap::nn {
namespace {

bool IsEncoderName(const std::string& name) {
  constexpr std::array<std::string_view, 3> kMarks = {"swinViT", "swin_vit", "encoder"};
  return std::any_of(kMarks.begin(), kMarks.end(), [&name](std::string_view mark) {
    return name.find(mark) != std::string::npos;
  });
}

}  // namespace

std::vector<ParamGroup> EncoderDecoderGroups(const torch::nn::Module& module) {
  std::vector<ParamGroup> groups = {{"encoder", {}, {}}, {"decoder", {}, {}}};
  for (const auto& item : module.named_parameters()) {
    ParamGroup& group = groups[IsEncoderName(item.key()) ? 0 : 1];
    group.parameter_names.push_back(item.key());
    group.parameters.push_back(item.value());
  }
  return groups;
}

std::vector<ParamGroup> SingleGroup(const torch::nn::Module& module) {
  ParamGroup group{"all", {}, {}};
  for (const auto& item : module.named_parameters()) {
    group.parameter_names.push_back(item.key());
    group.parameters.push_back(item.value());
  }
  return {group};
}

std::vector<ParamGroup> SplitOffHead(std::vector<ParamGroup> groups) {
  ParamGroup head{"head", {}, {}};
  for (ParamGroup& group : groups) {
    ParamGroup rest{group.name, {}, {}};
    for (std::size_t i = 0; i < group.parameters.size(); ++i) {
      ParamGroup& target = group.parameter_names[i].starts_with("out.") ? head : rest;
      target.parameter_names.push_back(group.parameter_names[i]);
      target.parameters.push_back(group.parameters[i]);
    }
    group = std::move(rest);
  }
  groups.push_back(std::move(head));
  return groups;
}

}  // namespace sap::nn
