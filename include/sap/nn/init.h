// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/nn/module.h>

#include "sap/core/tensor.h"

// Initialisation that LibTorch's C++ side lacks (swin_unetr §1.11). Everything else uses the
// default of each layer. Draws come from LibTorch's default generator: torch::manual_seed(s)
// before construction gives the weights that MONAI gives for s.
namespace sap::nn {

// In place: N(0, std^2) cut to [-2, 2] (absolute), by the inverse error function of a uniform
// draw. `tensor` is a floating leaf; no gradient is recorded.
void TruncatedNormal(const Tensor& tensor, double std);

// Puts every 3-D convolution weight into channels-last memory; values, names and shapes stay.
// Saves a reorder of the weights in each forward pass over channels-last activations.
void ToChannelsLast(torch::nn::Module& module);

}  // namespace sap::nn
