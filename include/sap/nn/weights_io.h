// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sap/core/tensor.h"

// Weights in and out. Nothing that a file holds is ever executed: a `.pt` is read by a small
// interpreter that knows a fixed list of names and refuses every other one by its name.
// Element types: F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL.
namespace sap::nn {

// Keys of the text that travels with the weights of a model (specs: swin_unetr §1.7, §1.13: the
// same names and shapes mean different numbers, so a file has to say which model it is from).
namespace weights_key {
inline constexpr char kPatchMerging[] = "sap.patch_merging";  // legacy, fixed or v2
inline constexpr char kUseV2[] = "sap.use_v2";                // true or false
inline constexpr char kFeatureSize[] = "sap.feature_size";
inline constexpr char kInChannels[] = "sap.in_channels";
inline constexpr char kOutChannels[] = "sap.out_channels";
inline constexpr char kLabels[] = "sap.labels";  // JSON: name -> index
inline constexpr char kModalities[] = "sap.modalities";
inline constexpr char kNormalization[] = "sap.normalization";
inline constexpr char kSpacingMm[] = "sap.spacing_mm";
inline constexpr char kOrientation[] = "sap.orientation";
inline constexpr char kRoiSize[] = "sap.roi_size";
inline constexpr char kTask[] = "sap.task";
inline constexpr char kSubjects[] = "sap.subjects";  // JSON list: who was trained or validated on
}  // namespace weights_key

// A checkpoint folder's file with the network's tensors.
inline constexpr char kModelFileName[] = "model.safetensors";

// Named tensors in file order. Tensors that a reader returns are contiguous, on the CPU, and lie
// on a private memory map of the file: writing to one never changes the file.
struct NamedTensors {
  std::vector<std::pair<std::string, Tensor>> entries;
  std::map<std::string, std::string> metadata;
  std::vector<std::string> notes;  // what a reader left out or assumed, one line each

  const Tensor* Find(std::string_view name) const;  // nullptr when absent
};

// Reads a safetensors file. Throws kIo when it cannot be opened, kInput when it breaks the
// format: header over 100 MB or beyond the file, not JSON, a duplicate name, an unknown element
// type, a shape that does not fit its byte range, ranges with holes or overlap.
NamedTensors ReadSafetensors(const std::filesystem::path& path);

// Writes one atomically. Names are distinct, tensors dense; they may be on any device.
void WriteSafetensors(const std::filesystem::path& path, const NamedTensors& weights);

// Reads the zip format of torch.save: a bare dict of tensors, or one under `state_dict`, `model`,
// `model_state_dict` or `network_weights`. Scalars beside it (epoch) go to `metadata` as text,
// other entries (optimizer) are left unread with a note. Throws kIo or kInput; big-endian files,
// TorchScript archives, whole pickled modules and files from before torch 1.6 are refused by
// name, each with the next step.
NamedTensors ReadPt(const std::filesystem::path& path);

enum class PtForm {
  kBareDict,   // what model.load_state_dict(torch.load(path)) expects
  kStateDict,  // {"state_dict": ...}, what MONAI's load_from expects
};

// Writes what torch.load(path, weights_only=True) reads, atomically. The metadata is the
// attribute (bare) or entry `sap_metadata`. Limit: 4 GiB; kInput beyond it.
void WritePt(const std::filesystem::path& path,
             const NamedTensors& weights,
             PtForm form = PtForm::kBareDict);

// Reads either format, told apart by content. A checkpoint folder stands for its kModelFileName.
NamedTensors ReadWeights(const std::filesystem::path& path);

// The file that ReadWeights(path) opens.
std::filesystem::path WeightsFile(const std::filesystem::path& path);

// Writes the format of the extension: .safetensors, or .pt, .pth; anything else is kOption.
void WriteWeights(const std::filesystem::path& path, const NamedTensors& weights);

}  // namespace sap::nn
