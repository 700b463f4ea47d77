// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <c10/core/Device.h>

#include "sap/core/axes.h"
#include "sap/data/labels.h"
#include "sap/infer/predictor.h"
#include "sap/nn/swin_options.h"
#include "sap/train/amp.h"

namespace sap::cli {

// What a weights file says about its model; what it leaves open is filled in with a note.
struct ModelCard {
  std::string file;  // name without its folder
  std::string sha256;
  nn::SwinUnetrOptions network;
  data::LabelTable labels;
  std::vector<std::string> modalities;  // empty when the file does not say
  infer::ModelGrid grid;
  std::optional<XyzInt> roi_size_vox;
  std::vector<std::string> notes;
};

// Throws kInput when the file holds no Swin UNETR, naming the tensor that is missing.
ModelCard ReadModelCard(const std::filesystem::path& weights);

// The same of weights whose encoder alone matters, e.g. of self-supervised pretraining: labels and
// out_channels stay as they are by default.
ModelCard ReadEncoderCard(const std::filesystem::path& weights);

// Sizes that a config may state although the file knows them; another value is a fault (kInput,
// naming file, both values and the next step).
struct ExpectedNetwork {
  std::optional<int64_t> in_channels;
  std::optional<int64_t> out_channels;
  std::optional<int64_t> feature_size;
};
void RequireNetwork(const ModelCard& card, const ExpectedNetwork& expected);

// "auto" is the first CUDA device where there is one. Throws kOption for a device that this build
// or machine lacks.
c10::Device DeviceFromName(const std::string& name);

// The network with the file's weights in evaluation mode; windows may come from another device.
infer::Predictor LoadPredictor(const std::filesystem::path& weights,
                               const ModelCard& card,
                               const c10::Device& device,
                               train::Precision precision);

}  // namespace sap::cli
