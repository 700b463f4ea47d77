// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "sap/core/enum_names.h"
#include "sap/nn/swin_options.h"
#include "sap/transfer/load_report.h"

namespace sap::transfer {

enum class WeightsLayout {
  kSap,    // canonical names and metadata: what this project writes
  kMonai,  // the same with every index buffer, so that load_state_dict(strict=True) accepts it
  kSsl,    // the Swin encoder as MONAI's SwinUNETR.load_from expects it
};

struct ConvertOptions {
  std::string input;
  std::string output;
  WeightsLayout layout = WeightsLayout::kSap;
  std::optional<nn::PatchMerging> patch_merging;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("input", input)
        .Help("weights to read: .safetensors, .pt, or a checkpoint folder")
        .Required();
    v.Field("output", output).Help("file to write: .safetensors, .pt or .pth").Required();
    v.Field("layout", layout)
        .Help(
            "names to write: sap and monai are one network; ssl is the Swin encoder for MONAI's "
            "load_from");
    v.Field("patch_merging", patch_merging)
        .Help(
            "states which patch merging made the weights; null keeps what the file says, or "
            "legacy");
  }
};

// Reads, maps and (unless `dry_run`) writes. Returns what became of every tensor: loaded under
// its own name, adapted (renamed or added), or skipped. Throws kOption, kIo or kInput.
LoadReport ConvertWeights(const ConvertOptions& options, bool dry_run);

}  // namespace sap::transfer

template <>
struct sap::EnumNames<sap::transfer::WeightsLayout> {
  static constexpr std::pair<transfer::WeightsLayout, std::string_view> kNames[] = {
      {transfer::WeightsLayout::kSap, "sap"},
      {transfer::WeightsLayout::kMonai, "monai"},
      {transfer::WeightsLayout::kSsl, "ssl"},
  };
};
