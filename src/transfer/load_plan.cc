// SPDX-License-Identifier: Apache-2.0
#include "transfer/load_plan.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <fmt/format.h>

#include "sap/core/error.h"

namespace sap::transfer {
namespace {

bool ReadsTheImage(std::string_view name) {
  return name == "swinViT.patch_embed.proj.weight" || name == "encoder1.layer.conv1.conv.weight" ||
         name == "encoder1.layer.conv3.conv.weight";
}

// The value for a model tensor from the file's; the reason for any change; or a fault.
struct Fit {
  Tensor value;
  std::string change;
  std::string fault;
};

Fit FitTensor(const std::string& name, const Tensor& target, const Tensor& found, bool adapt) {
  if (IsIndexBuffer(name)) {
    const bool is_same = found.sizes() == target.sizes() && at::equal(found, target.cpu());
    return {found, "", is_same ? "" : name + " differs: the file is for another window size"};
  }
  if (found.is_floating_point() != target.is_floating_point()) {
    return {
        found,
        "",
        fmt::format("{} is {}, the model has {}", name, ShapeString(found), ShapeString(target))};
  }
  if (found.is_floating_point() && !found.isfinite().all().item<bool>()) {
    return {found, "", name + " holds values that are not finite"};
  }
  Fit fit{found, "", ""};
  const bool may_adapt = adapt && ReadsTheImage(name) && found.dim() == target.dim() &&
                         found.numel() > 0 && found.size(0) == target.size(0) &&
                         found.sizes().slice(2) == target.sizes().slice(2);
  if (found.sizes() != target.sizes() && may_adapt) {
    fit.value = AdaptInputChannels(found, target.size(1));
    fit.change = fmt::format("{} input channels to {}", found.size(1), target.size(1));
  } else if (found.sizes() != target.sizes()) {
    fit.fault =
        fmt::format("{} is {}, the model has {}", name, ShapeString(found), ShapeString(target));
  } else if (found.scalar_type() != target.scalar_type()) {
    fit.change = fmt::format(
        "{} to {}", c10::toString(found.scalar_type()), c10::toString(target.scalar_type()));
  }
  return fit;
}

void AddUnused(const StateEntries& model,
               const MappedWeights& file,
               const std::unordered_set<std::string>& used,
               LoadPlan& plan) {
  std::unordered_set<std::string> known;
  for (const auto& entry : model) known.insert(entry.first);
  for (const auto& [name, tensor] : file.weights.entries) {
    if (used.contains(name)) continue;
    const bool is_known = known.contains(name);
    if (!is_known) plan.unexpected.push_back(name);
    plan.report.entries.push_back(
        {.name = name,
         .status = LoadStatus::kSkipped,
         .shape_file = ShapeString(tensor),
         .reason = is_known ? "the mode does not take it" : "not a tensor of this model"});
  }
  for (const auto& [name, reason] : file.dropped) {
    plan.report.entries.push_back({.name = name, .status = LoadStatus::kSkipped, .reason = reason});
  }
}

}  // namespace

void LoadPlan::Execute() const {
  const at::NoGradGuard no_grad;
  for (const auto& [target, value] : copies) target.copy_(value);
}

LoadPlan MakePlan(const StateEntries& model, const MappedWeights& file, const PlanRules& rules) {
  LoadPlan plan;
  plan.report.layout = file.layout;
  plan.report.notes = file.weights.notes;
  std::unordered_map<std::string, const Tensor*> in_file;
  for (const auto& [name, tensor] : file.weights.entries) in_file[name] = &tensor;
  std::unordered_set<std::string> used;
  for (const auto& [name, target] : model) {
    LoadEntry entry{.name = name, .shape_model = ShapeString(target)};
    const bool is_index = IsIndexBuffer(name);
    entry.reason = rules.reason_to_keep(name);
    const bool in_scope = entry.reason.empty();
    if (in_scope && !is_index) plan.report.num_eligible_params += target.numel();
    const auto found = in_file.find(name);
    if (!in_scope || found == in_file.end()) {
      entry.status = LoadStatus::kInitialised;
      if (in_scope) entry.reason = is_index ? "computed, not in the file" : "not in the file";
      if (in_scope && !is_index) plan.missing.push_back(name);
      plan.report.entries.push_back(std::move(entry));
      continue;
    }
    used.insert(name);
    entry.shape_file = ShapeString(*found->second);
    Fit fit = FitTensor(name, target, *found->second, rules.adapt_input_channels);
    if (!fit.fault.empty()) plan.shape_faults.push_back(fit.fault);
    entry.status = fit.change.empty() ? LoadStatus::kLoaded : LoadStatus::kAdapted;
    entry.reason = fit.change;
    if (!is_index) plan.report.num_loaded_params += target.numel();
    plan.copies.emplace_back(target, std::move(fit.value));
    plan.report.entries.push_back(std::move(entry));
  }
  AddUnused(model, file, used, plan);
  return plan;
}

Tensor AdaptInputChannels(const Tensor& weight, int64_t num_channels) {
  const int64_t num_in_file = weight.size(1);
  std::vector<int64_t> sizes = weight.sizes().vec();
  sizes[1] = num_channels;
  Tensor result = at::zeros(sizes, weight.options());
  for (int64_t c = 0; c < std::max(num_channels, num_in_file); ++c) {
    const Tensor source = weight.select(1, c % num_in_file);
    // Each channel of the file is shared by as many of ours as wrap around onto it.
    const int64_t first = c % num_in_file;
    const int64_t num_sharing =
        num_channels <= num_in_file ? 1 : (num_channels - first + num_in_file - 1) / num_in_file;
    result.select(1, c % num_channels).add_(source / static_cast<double>(num_sharing));
  }
  return result;
}

std::string SomeOf(const std::vector<std::string>& names, std::size_t limit) {
  const auto end = names.begin() + static_cast<std::ptrdiff_t>(std::min(limit, names.size()));
  std::string text = fmt::format("{}", fmt::join(names.begin(), end, ", "));
  if (names.size() > limit) text += fmt::format(" and {} more", names.size() - limit);
  return text.empty() ? "none" : text;
}

}  // namespace sap::transfer
