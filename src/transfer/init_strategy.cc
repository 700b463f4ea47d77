// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/init_strategy.h"

#include <algorithm>
#include <string>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <torch/nn/module.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/nn/swin_unetr.h"
#include "transfer/load_plan.h"

namespace sap::transfer {
namespace {

constexpr char kPatchEmbed[] = "swinViT.patch_embed.proj.weight";

bool HasV2Blocks(const StateEntries& entries) {
  return std::ranges::any_of(
      entries, [](const auto& entry) { return entry.first.starts_with("swinViT.layers1c."); });
}

bool HasPretrainingHeads(const StateEntries& entries) {
  return std::ranges::any_of(
      entries, [](const auto& entry) { return entry.first.starts_with("rotation_head."); });
}

// Same names and shapes, other numbers (swin_unetr §1.7): only the metadata can tell.
void RequireSamePatchMerging(const torch::nn::Module& model,
                             const std::string& source,
                             MappedWeights& file) {
  const auto* network = dynamic_cast<const nn::SwinUnetrImpl*>(&model);
  if (network == nullptr) return;
  const auto stated = file.weights.metadata.find(nn::weights_key::kPatchMerging);
  const bool is_stated = stated != file.weights.metadata.end();
  const std::string in_file = is_stated ? stated->second : "legacy";
  if (!is_stated) {
    file.weights.notes.push_back(
        "the file does not say its patch_merging: legacy assumed, as in all weights published "
        "for SAP and SSL");
  }
  const std::string in_model = EnumName(network->options().patch_merging);
  SAP_REQUIRE(ErrorKind::kInput,
              in_file == in_model,
              "{}: the weights are for patch_merging {}{}, the model has {}; set the model's "
              "patch_merging to {}, or, if you know better, state the file's own with sap-convert "
              "--set patch_merging={}",
              source,
              in_file,
              is_stated ? "" : " (assumed, the file does not say)",
              in_model,
              in_file,
              in_model);
}

void RequireSameNetwork(const torch::nn::Module& model,
                        const StateEntries& state,
                        const std::string& source,
                        bool adapt_input_channels,
                        MappedWeights& file) {
  const Tensor* in_file = file.weights.Find(kPatchEmbed);
  const auto in_model = std::ranges::find(state, kPatchEmbed, &StateEntries::value_type::first);
  if (in_file == nullptr || in_model == state.end()) return;  // the counts will tell
  RequireSamePatchMerging(model, source, file);
  SAP_REQUIRE(ErrorKind::kInput,
              HasV2Blocks(file.weights.entries) == HasV2Blocks(state),
              "{}: the weights are for use_v2 {}, the model has {}; make them the same",
              source,
              HasV2Blocks(file.weights.entries),
              HasV2Blocks(state));
  const Tensor& target = in_model->second;
  SAP_REQUIRE(ErrorKind::kInput,
              in_file->dim() == target.dim() && in_file->size(0) == target.size(0),
              "{}: {} is {}, the model has {}: another feature_size; set the model's to the file's",
              source,
              kPatchEmbed,
              ShapeString(*in_file),
              ShapeString(target));
  SAP_REQUIRE(ErrorKind::kInput,
              adapt_input_channels || in_file->size(1) == target.size(1),
              "{}: the weights are for {} input channels, the model has {}; set the model's "
              "in_channels, or init.adapt_input_channels=true to fit the first convolutions",
              source,
              in_file->size(1),
              target.size(1));
}

std::vector<std::string> Names(const StateEntries& entries) {
  std::vector<std::string> names;
  for (const auto& entry : entries) names.push_back(entry.first);
  return names;
}

void RequireShapes(const LoadPlan& plan, const std::string& source) {
  SAP_REQUIRE(ErrorKind::kInput,
              plan.shape_faults.empty(),
              "{}: {} tensors do not fit the model: {}; use the model options of the run that "
              "made the weights",
              source,
              plan.shape_faults.size(),
              SomeOf(plan.shape_faults));
}

void RequireEnough(const LoadPlan& plan,
                   const StateEntries& state,
                   const MappedWeights& file,
                   const InitOptions& options) {
  const LoadReport& report = plan.report;
  const bool is_enough =
      report.num_loaded_params > 0 && report.LoadedFrac() >= options.min_loaded_frac;
  SAP_REQUIRE(
      ErrorKind::kInput,
      is_enough,
      "{}: {} of {} parameters that init.mode {} takes are in the file ({:.1f} %, at least "
      "{:g} % needed); the file looks like: {}; its keys: {}; the model's keys: {}; missing "
      "in the file: {}; check init.mode and init.path",
      report.source,
      report.num_loaded_params,
      report.num_eligible_params,
      report.mode,
      100.0 * report.LoadedFrac(),
      100.0 * options.min_loaded_frac,
      file.layout,
      SomeOf(Names(file.weights.entries), 4),
      SomeOf(Names(state), 4),
      SomeOf(plan.missing, 4));
  SAP_REQUIRE(ErrorKind::kInput,
              !options.strict || (plan.missing.empty() && plan.unexpected.empty()),
              "{}: init.strict allows no difference; missing in the file: {}; unknown to the "
              "model: {}",
              report.source,
              SomeOf(plan.missing),
              SomeOf(plan.unexpected));
}

LoadReport ReportRandom(const StateEntries& state, const InitOptions& options) {
  LoadReport report{.mode = EnumName(options.mode)};
  for (const auto& [name, tensor] : state) {
    report.entries.push_back({.name = name,
                              .status = LoadStatus::kInitialised,
                              .shape_model = ShapeString(tensor),
                              .reason = "as constructed"});
  }
  if (!options.path.empty()) report.notes.push_back("init.mode random: init.path is not read");
  return report;
}

// Whose scans the file's own training saw, where it says so (ours do; published ones do not).
std::vector<std::string> SubjectsSeen(const MappedWeights& file, const std::string& source) {
  const auto stated = file.weights.metadata.find(nn::weights_key::kSubjects);
  if (stated == file.weights.metadata.end()) return {};
  try {
    return nlohmann::json::parse(stated->second).get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception&) {
    Fail(ErrorKind::kInput,
         "{}: its metadata {} is not a JSON list of names; write the file anew from its checkpoint",
         source,
         nn::weights_key::kSubjects);
  }
}

std::string ReasonToKeep(InitMode mode, std::string_view name) {
  if (mode == InitMode::kSsl && !name.starts_with("swinViT.")) {
    return "self-supervised weights hold the Swin encoder alone";
  }
  if (mode == InitMode::kSap && name.starts_with("out.")) return "the head always starts new";
  return "";
}

}  // namespace

LoadReport ApplyInit(torch::nn::Module& model, const InitOptions& options) {
  const StateEntries state = nn::StateDict(model);
  if (options.mode == InitMode::kRandom) return ReportRandom(state, options);
  SAP_REQUIRE(ErrorKind::kOption,
              !options.path.empty(),
              "init.mode {} needs init.path, a .safetensors or .pt file",
              EnumName(options.mode));
  const std::filesystem::path path = nn::WeightsFile(options.path);
  const std::string source = path.filename().string();
  const bool has_heads = HasPretrainingHeads(state);
  MappedWeights file =
      MapKeys(nn::ReadWeights(path), has_heads ? PretrainingHeads::kKeep : PretrainingHeads::kDrop);
  RequireSameNetwork(model, state, source, options.adapt_input_channels, file);
  const PlanRules rules = {.reason_to_keep =
                               [&](std::string_view name) {
                                 return has_heads ? std::string()
                                                  : ReasonToKeep(options.mode, name);
                               },
                           .adapt_input_channels = options.adapt_input_channels};
  LoadPlan plan = MakePlan(state, file, rules);
  plan.report.mode = EnumName(options.mode);
  plan.report.source = source;
  RequireShapes(plan, source);
  RequireEnough(plan, state, file, options);
  plan.report.sha256 = Sha256OfFile(path);
  plan.report.seen_subjects = SubjectsSeen(file, source);
  plan.Execute();
  return std::move(plan.report);
}

LoadReport LoadExact(torch::nn::Module& model,
                     const nn::NamedTensors& weights,
                     std::string_view source) {
  const std::string name(source);
  const StateEntries state = nn::StateDict(model);
  MappedWeights file = MapKeys(weights);
  RequireSameNetwork(model, state, name, /*adapt_input_channels=*/false, file);
  LoadPlan plan =
      MakePlan(state, file, {.reason_to_keep = [](std::string_view) { return std::string(); }});
  plan.report.mode = "exact";
  plan.report.source = name;
  RequireShapes(plan, name);
  SAP_REQUIRE(ErrorKind::kInput,
              plan.missing.empty() && plan.unexpected.empty(),
              "{}: not the weights of this model ({}); missing: {}; unknown to the model: {}",
              name,
              file.layout,
              SomeOf(plan.missing),
              SomeOf(plan.unexpected));
  plan.Execute();
  return std::move(plan.report);
}

std::map<std::string, std::string> NetworkMetadata(const nn::SwinUnetrOptions& options) {
  return {{nn::weights_key::kPatchMerging, EnumName(options.patch_merging)},
          {nn::weights_key::kUseV2, options.use_v2 ? "true" : "false"},
          {nn::weights_key::kFeatureSize, std::to_string(options.feature_size)},
          {nn::weights_key::kInChannels, std::to_string(options.in_channels)},
          {nn::weights_key::kOutChannels, std::to_string(options.out_channels)}};
}

}  // namespace sap::transfer
