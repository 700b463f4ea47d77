// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "sap/core/enum_names.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/load_report.h"

namespace torch::nn {
class Module;
}

namespace sap::nn {
struct SwinUnetrOptions;
}

// How a network starts: the paper's three arms (specs: swin_unetr §4.5, §5).
namespace sap::transfer {

enum class InitMode {
  kRandom,  // as constructed
  kSsl,     // the Swin encoder from self-supervised pretraining; the rest as constructed
  kSap,     // everything but the head from skeleton pretraining; the head as constructed
};

struct InitOptions {
  InitMode mode = InitMode::kRandom;
  std::string path;
  bool strict = false;
  double min_loaded_frac = 0.9;
  bool adapt_input_channels = false;
  bool allow_seen_subjects = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("mode", mode)
        .Help("start of the network: sap takes encoder and decoder, ssl the Swin encoder alone");
    v.Field("path", path).Help("weights: .safetensors, .pt, or a checkpoint folder");
    v.Field("strict", strict)
        .Help("refuse a file that lacks any tensor which the mode takes, or holds unknown ones");
    v.Field("min_loaded_frac", min_loaded_frac)
        .Help("smallest share of the mode's parameters that the file has to supply")
        .Range(0.0, 1.0);
    v.Field("adapt_input_channels", adapt_input_channels)
        .Help(
            "fit weights for another number of input channels: spread each of the file's "
            "channels evenly over ours, or sum them");
    v.Field("allow_seen_subjects", allow_seen_subjects)
        .Help(
            "accept weights whose pretraining saw a subject that this run is tested on: for other "
            "people by the same names");
  }
};

// Copies weights into `model` (a SwinUnetr) as the mode says; a network with the heads of
// self-supervised training takes everything from such a file. Nothing is changed unless all
// checks hold. Throws kOption without a path; kIo or kInput for the file; kInput when another
// patch_merging, use_v2, feature_size or number of input channels made it, when a shape differs,
// when a value is not finite, or when nothing or less than min_loaded_frac matched.
// A file that does not name its patch_merging counts as legacy, with a note.
LoadReport ApplyInit(torch::nn::Module& model, const InitOptions& options);

// For prediction and resumption: every tensor of the model from the file, and none left over.
// Floating types are converted. `source` names the weights in messages. Throws kInput.
LoadReport LoadExact(torch::nn::Module& model,
                     const nn::NamedTensors& weights,
                     std::string_view source = "the weights");

// The metadata that a file needs for these checks: patch_merging, use_v2, sizes.
std::map<std::string, std::string> NetworkMetadata(const nn::SwinUnetrOptions& options);

}  // namespace sap::transfer

template <>
struct sap::EnumNames<sap::transfer::InitMode> {
  static constexpr std::pair<transfer::InitMode, std::string_view> kNames[] = {
      {transfer::InitMode::kRandom, "random"},
      {transfer::InitMode::kSsl, "ssl"},
      {transfer::InitMode::kSap, "sap"},
  };
};
