// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "sap/nn/weights_io.h"

namespace sap::nn {

// The pickle (protocol 2) of a torch.save file whose tensor i lies in the storage "data/<i>",
// dense and from offset 0.
std::string PickleOfWeights(const NamedTensors& weights, PtForm form);

}  // namespace sap::nn
