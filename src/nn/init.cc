// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/init.h"

#include <cmath>
#include <numbers>

#include <ATen/ATen.h>

namespace sap::nn {
namespace {

double NormalCdf(double x) {
  return (1.0 + std::erf(x / std::numbers::sqrt2)) / 2.0;
}

}  // namespace

void TruncatedNormal(const Tensor& tensor, double std) {
  constexpr double kCut = 2.0;
  const at::NoGradGuard no_grad;
  const double low = NormalCdf(-kCut / std);
  const double high = NormalCdf(kCut / std);
  tensor.uniform_(2.0 * low - 1.0, 2.0 * high - 1.0);
  tensor.erfinv_().mul_(std * std::numbers::sqrt2).clamp_(-kCut, kCut);
}

void ToChannelsLast(torch::nn::Module& module) {
  for (Tensor& parameter : module.parameters()) {
    if (parameter.dim() != 5) continue;
    parameter.set_data(parameter.detach().contiguous(at::MemoryFormat::ChannelsLast3d));
  }
}

}  // namespace sap::nn
