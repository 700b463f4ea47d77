// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/convert_weights.h"

#include <algorithm>
#include <system_error>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/key_map.h"

namespace sap::transfer {
namespace {

constexpr int64_t kWindow = 7;
constexpr int64_t kOffsets = 2 * kWindow - 1;  // relative positions along an axis

// Index of query p and key q in the bias table (swin_unetr §1.5).
Tensor RelativePositionIndex() {
  const Tensor along = at::arange(kWindow, at::kLong);
  const Tensor x_N = along.view({-1, 1, 1}).expand({kWindow, kWindow, kWindow}).reshape(-1);
  const Tensor y_N = along.view({1, -1, 1}).expand({kWindow, kWindow, kWindow}).reshape(-1);
  const Tensor z_N = along.view({1, 1, -1}).expand({kWindow, kWindow, kWindow}).reshape(-1);
  const auto difference_NN = [](const Tensor& c_N) {
    return c_N.unsqueeze(1) - c_N.unsqueeze(0) + (kWindow - 1);
  };
  return difference_NN(x_N) * (kOffsets * kOffsets) + difference_NN(y_N) * kOffsets +
         difference_NN(z_N);
}

void AddIndexBuffers(nn::NamedTensors& weights, LoadReport& report) {
  const std::string table = ".relative_position_bias_table";
  std::vector<std::string> wanted;
  for (const auto& entry : weights.entries) {
    if (!entry.first.ends_with(table)) continue;
    const std::string block = entry.first.substr(0, entry.first.size() - table.size());
    if (weights.Find(block + ".relative_position_index") == nullptr) {
      wanted.push_back(block + ".relative_position_index");
    }
  }
  for (const std::string& name : wanted) {
    weights.entries.emplace_back(name, RelativePositionIndex());
    report.entries.push_back({.name = name,
                              .status = LoadStatus::kInitialised,
                              .shape_model = ShapeString(weights.entries.back().second),
                              .reason = "computed, not in the file"});
  }
}

// What the shapes say about the network, for files that came without metadata.
void DescribeNetwork(const ConvertOptions& options, nn::NamedTensors& weights, LoadReport& report) {
  auto& metadata = weights.metadata;
  if (options.patch_merging) {
    metadata[nn::weights_key::kPatchMerging] = EnumName(*options.patch_merging);
  } else if (metadata.emplace(nn::weights_key::kPatchMerging, "legacy").second) {
    report.notes.push_back(
        "the file does not say its patch_merging: legacy written; for weights of MONAI 1.5 or "
        "later convert again with --set patch_merging=fixed");
  }
  if (const Tensor* embed = weights.Find("swinViT.patch_embed.proj.weight")) {
    if (embed->dim() == 5) {
      metadata[nn::weights_key::kFeatureSize] = std::to_string(embed->size(0));
      metadata[nn::weights_key::kInChannels] = std::to_string(embed->size(1));
    }
  }
  if (const Tensor* bias = weights.Find("out.conv.conv.bias")) {
    metadata[nn::weights_key::kOutChannels] = std::to_string(bias->numel());
  }
  const bool is_v2 = std::ranges::any_of(weights.entries, [](const auto& entry) {
    return entry.first.starts_with("swinViT.layers1c.");
  });
  metadata[nn::weights_key::kUseV2] = is_v2 ? "true" : "false";
}

void ReportTensors(const MappedWeights& mapped,
                   const nn::NamedTensors& output,
                   WeightsLayout layout,
                   LoadReport& report) {
  std::size_t next_output = 0;
  for (std::size_t i = 0; i < mapped.weights.entries.size(); ++i) {
    const auto& [canonical, tensor] = mapped.weights.entries[i];
    const std::string& original = mapped.original_names[i];
    LoadEntry entry{.name = original, .shape_file = ShapeString(tensor)};
    report.num_eligible_params += IsIndexBuffer(canonical) ? 0 : tensor.numel();
    if (layout == WeightsLayout::kSsl && !canonical.starts_with("swinViT.")) {
      entry.status = LoadStatus::kSkipped;
      entry.reason = "layout ssl holds the Swin encoder alone";
    } else {
      entry.name = output.entries[next_output++].first;
      entry.shape_model = entry.shape_file;
      report.num_loaded_params += IsIndexBuffer(canonical) ? 0 : tensor.numel();
      if (entry.name != original) {
        entry.status = LoadStatus::kAdapted;
        entry.reason = "was " + original;
      }
    }
    report.entries.push_back(std::move(entry));
  }
  for (const auto& [name, reason] : mapped.dropped) {
    report.entries.push_back({.name = name, .status = LoadStatus::kSkipped, .reason = reason});
  }
}

}  // namespace

LoadReport ConvertWeights(const ConvertOptions& options, bool dry_run) {
  const std::filesystem::path input = nn::WeightsFile(options.input);
  const std::filesystem::path output = options.output;
  std::error_code absent;
  SAP_REQUIRE(ErrorKind::kOption,
              !std::filesystem::equivalent(input, output, absent),
              "output is the input file; choose another name");
  MappedWeights mapped = MapKeys(nn::ReadWeights(input), PretrainingHeads::kKeep);
  SAP_REQUIRE(ErrorKind::kInput,
              mapped.layout != "unknown",
              "{}: no key layout of a Swin UNETR; its first keys: {}; known are MONAI's, with "
              "module. or backbone. before them, SSL checkpoints and model_swinvit.pt",
              input.filename().string(),
              mapped.weights.entries.empty() ? "none" : mapped.weights.entries[0].first);
  LoadReport report{.mode = "convert to " + EnumName(options.layout),
                    .source = input.filename().string(),
                    .sha256 = Sha256OfFile(input),
                    .layout = mapped.layout};
  DescribeNetwork(options, mapped.weights, report);
  report.notes.insert(
      report.notes.begin(), mapped.weights.notes.begin(), mapped.weights.notes.end());
  nn::NamedTensors converted =
      options.layout == WeightsLayout::kSsl ? SslLayout(mapped.weights) : mapped.weights;
  ReportTensors(mapped, converted, options.layout, report);
  if (options.layout != WeightsLayout::kSap) AddIndexBuffers(converted, report);
  if (dry_run) return report;
  const bool is_pt = output.extension() == ".pt" || output.extension() == ".pth";
  if (options.layout == WeightsLayout::kSsl && is_pt) {
    nn::WritePt(output, converted, nn::PtForm::kStateDict);
  } else {
    nn::WriteWeights(output, converted);
  }
  return report;
}

}  // namespace sap::transfer
