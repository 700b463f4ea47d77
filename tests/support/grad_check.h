// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <vector>

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include "sap/core/tensor.h"

namespace sap::testing {

// Compares autograd with central differences at up to `num_probes` elements of every input.
// `inputs` are float64; `function` maps them to one tensor, whose weighted sum is the loss.
inline void ExpectGradientsMatch(const std::function<Tensor(const std::vector<Tensor>&)>& function,
                                 std::vector<Tensor> inputs,
                                 int64_t num_probes = 12,
                                 double tolerance = 1e-7) {
  constexpr double kStep = 1e-5;
  for (Tensor& input : inputs) input = input.detach().clone().requires_grad_();
  const Tensor out = function(inputs);
  const Tensor weight = at::linspace(-1.0, 1.3, out.numel(), at::kDouble).cos().view(out.sizes());
  const auto loss = [&] { return (function(inputs) * weight).sum(); };
  torch::autograd::backward({loss()}, {});
  const at::NoGradGuard no_grad;
  for (std::size_t k = 0; k < inputs.size(); ++k) {
    const Tensor gradient = inputs[k].grad().contiguous().flatten();
    const int64_t n = inputs[k].numel();
    const int64_t stride = std::max<int64_t>(1, n / num_probes);
    for (int64_t i = k % 2; i < n; i += stride) {
      Tensor element = inputs[k].view(-1)[i];
      const double centre = element.item<double>();
      element.fill_(centre + kStep);
      const double above = loss().item<double>();
      element.fill_(centre - kStep);
      const double below = loss().item<double>();
      element.fill_(centre);
      const double expected = (above - below) / (2.0 * kStep);
      EXPECT_NEAR(gradient[i].item<double>(), expected, tolerance * (1.0 + std::abs(expected)))
          << "input " << k << ", element " << i;
    }
  }
}

}  // namespace sap::testing
