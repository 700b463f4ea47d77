// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "sap/core/tensor.h"

namespace sap::nn {

// Runs `body` without keeping its activations and runs it again in the backward pass, with the
// generator and autocast states of the first run, so dropout draws the same masks. Parameters
// inside `body` get their gradients in the second run. Where `x` needs no gradient, or no graph
// is recorded, this is a plain call.
Tensor Checkpoint(const std::function<Tensor(const Tensor&)>& body, const Tensor& x);

}  // namespace sap::nn
