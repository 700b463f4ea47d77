// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <torch/nn/module.h>

#include "sap/core/tensor.h"

namespace sap::nn {

// Parameters that share a learning rate.
struct ParamGroup {
  std::string name;
  std::vector<std::string> parameter_names;
  std::vector<Tensor> parameters;
};

// "encoder": every name that contains swinViT, swin_vit or encoder (of a Swin UNETR 118 + 11
// tensors: the convolution blocks encoder1..4, 10 count too); "decoder": the other 22. The
// authors' split (swin_unetr §5). Both groups exist even where one is empty.
std::vector<ParamGroup> EncoderDecoderGroups(const torch::nn::Module& module);

// One group "all".
std::vector<ParamGroup> SingleGroup(const torch::nn::Module& module);

// Moves the output layer (`out.`, the head) into a group "head" of its own, last. Every other
// convolution is followed by a normalisation, so the scale of its weights does not matter; the
// head's does, and few features (a small feature size) need a higher rate to reach sure logits.
std::vector<ParamGroup> SplitOffHead(std::vector<ParamGroup> groups);

}  // namespace sap::nn
