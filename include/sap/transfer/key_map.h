// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sap/nn/weights_io.h"

// Key layouts in the wild, brought to the names of MONAI's current state dict (specs:
// swin_unetr §1.10, §1.13, §4.5).
namespace sap::transfer {

struct MappedWeights {
  nn::NamedTensors weights;                                  // canonical names, file order
  std::vector<std::string> original_names;                   // of weights.entries, as in the file
  std::vector<std::pair<std::string, std::string>> dropped;  // original name, why it has no use
  std::string layout;                                        // what the file was recognised as
};

// One name without its neighbours: swin_vit. -> swinViT., mlp.fc1/fc2 -> mlp.linear1/linear2.
std::string CanonicalName(std::string_view name);

// The heads of self-supervised training: of no use to a segmentation network.
enum class PretrainingHeads { kDrop, kKeep };

// Recognises and maps a whole file:
//   "module.", then "backbone.", are stripped only where all names carry them;
//   NVIDIA's model_swinvit.pt (patch_embed., layers1.0. ...) gains "swinViT.";
//   the disruptive autoencoder (encoder.layers1.0.0. ...) loses one ".0" and gains "swinViT.";
//   heads of self-supervised training (unless kept) and tensors that no forward pass reads are
//   dropped, each with its reason.
// Throws kInput when two names become one.
MappedWeights MapKeys(const nn::NamedTensors& weights,
                      PretrainingHeads heads = PretrainingHeads::kDrop);

// The layout that MONAI's SwinUNETR.load_from reads: the encoder alone, as
// "module.layers1.0.blocks.0.mlp.fc1.weight". `canonical` has canonical names.
nn::NamedTensors SslLayout(const nn::NamedTensors& canonical);

bool IsIndexBuffer(std::string_view name);  // "...relative_position_index", computed, no weight

}  // namespace sap::transfer
