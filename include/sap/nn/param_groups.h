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

}  // namespace sap::nn
