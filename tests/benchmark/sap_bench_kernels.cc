// SPDX-License-Identifier: Apache-2.0
// Our CPU kernels against the same operators of ATen, forward and forward + backward: one line
// each with both times and the ratio. Options: number of threads (default 2), repeats (3).
#include <algorithm>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <limits>
#include <string>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <torch/utils.h>

#include "bench_support.h"
#include "sap/core/page_cache.h"
#include "sap/core/parallel.h"
#include "sap/nn/fused_ops.h"
#include "sap/nn/unetr_blocks.h"
#include "sap/nn/window_attention.h"

namespace sap {
namespace {

int repeats = 3;

double BestSeconds(const std::function<void()>& run) {
  run();
  double best_s = std::numeric_limits<double>::infinity();
  for (int i = 0; i < repeats; ++i) {
    best_s = std::min(best_s, bench::Seconds(run));
  }
  return best_s;
}

using Operator = std::function<Tensor()>;

// `leaves` are set to need gradients for the second measurement.
void Compare(const std::string& name,
             std::vector<Tensor> leaves,
             const Operator& ours,
             const Operator& aten) {
  const auto forward = [](const Operator& op) {
    return BestSeconds([&] {
      const torch::NoGradGuard no_grad;
      op();
    });
  };
  const auto step = [&](const Operator& op) {
    return BestSeconds([&] {
      const Tensor out = op();
      out.backward(out.detach());
      for (Tensor& leaf : leaves) leaf.mutable_grad() = Tensor();
    });
  };
  const double f = forward(ours);
  const double f_aten = forward(aten);
  for (Tensor& leaf : leaves) leaf.requires_grad_();
  const double s = step(ours);
  const double s_aten = step(aten);
  std::cout << fmt::format(
      "{:44} forward {:.4f} s, ATen {:.4f} s, ratio {:5.2f}; with backward {:.4f} s, ATen {:.4f} "
      "s, "
      "ratio {:5.2f}\n",
      name,
      f,
      f_aten,
      f_aten / f,
      s,
      s_aten,
      s_aten / s);
}

Tensor RandomVolume(int64_t batch, int64_t channels, int64_t edge) {
  return at::randn({batch, channels, edge, edge, edge})
      .contiguous(at::MemoryFormat::ChannelsLast3d);
}

void Convolution(int64_t batch, int64_t in, int64_t out, int64_t edge) {
  const Tensor x = RandomVolume(batch, in, edge);
  const Tensor weight = at::randn({out, in, 3, 3, 3}).contiguous(at::MemoryFormat::ChannelsLast3d);
  Compare(
      fmt::format("conv 3^3 batch {} {} -> {} at {}^3", batch, in, out, edge),
      {x, weight},
      [=] { return nn::FusedConv3x3x3(x, {}, weight); },
      [=] { return at::conv3d(x, weight, {}, 1, 1); });
}

void Attention(int64_t windows, int64_t tokens, int64_t heads, int64_t d) {
  const Tensor qkv = at::randn({windows, tokens, 3 * heads * d});
  const Tensor table = at::randn({2197, heads});
  Compare(
      fmt::format("attention {} windows x {} heads x {}, d {}", windows, heads, tokens, d),
      {qkv, table},
      [=] { return nn::FusedWindowAttention(qkv, table, {}, heads, 0.0); },
      [=] { return nn::ReferenceWindowAttention(qkv, table, {}, heads, 0.0); });
}

void Norm(int64_t batch, int64_t channels, int64_t edge) {
  const Tensor x = RandomVolume(batch, channels, edge);
  const Tensor residual = RandomVolume(batch, channels, edge);
  Compare(
      fmt::format("norm + residual + act batch {} {} at {}^3", batch, channels, edge),
      {x, residual},
      [=] { return nn::FusedInstanceNormAct(x, residual, 0.01); },
      [=] {
        const Tensor y = at::instance_norm(x, {}, {}, {}, {}, true, 0.1, 1e-5, false);
        return at::leaky_relu(y + residual, 0.01);
      });
}

void RunAll() {
  Convolution(1, 48, 48, 96);
  Convolution(1, 96, 48, 96);
  Convolution(1, 48, 48, 48);
  Convolution(1, 192, 192, 12);
  Convolution(2, 12, 12, 64);
  Attention(343, 343, 3, 16);
  Attention(64, 343, 6, 16);
  Attention(1, 216, 24, 16);
  Attention(250, 343, 3, 4);
  Norm(1, 48, 96);
  Norm(2, 12, 64);
}

}  // namespace
}  // namespace sap

int main(int argc, char** argv) {
  sap::InstallPageCache();
  sap::SetNumThreads(argc > 1 ? std::atoi(argv[1]) : 2);
  if (argc > 2) sap::repeats = std::atoi(argv[2]);
  sap::RunAll();
  return 0;
}
