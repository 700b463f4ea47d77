// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/kernels/kernel_table.h"
#include "nn/kernels/team.h"
#include "sap/core/error.h"
#include "sap/nn/fused_ops.h"

namespace sap::nn {
namespace {

constexpr int64_t kPoints = 64;
constexpr int64_t kMinChannels = 4;  // of a source: the narrowest vector

// [64, 27]: the transform of a 3x3x3 kernel to the 64 points, G (x) G (x) G.
const Tensor& KernelToPoints() {
  static const Tensor matrix = [] {
    const Tensor g =
        at::tensor({1.0, 0.0, 0.0, 0.5, 0.5, 0.5, 0.5, -0.5, 0.5, 0.0, 0.0, 1.0}, at::kDouble)
            .view({4, 3});
    return at::kron(at::kron(g, g), g).to(at::kFloat);
  }();
  return matrix;
}

int64_t PaddedChannels(int64_t channels) {
  const int64_t lanes = ActiveKernels().lanes;
  return (channels + lanes - 1) / lanes * lanes;
}

// weight_OI333 -> [64, I, padded O].
Tensor WeightAtPoints(const Tensor& weight_OI333) {
  const int64_t out = weight_OI333.size(0);
  const int64_t in = weight_OI333.size(1);
  Tensor taps = weight_OI333.permute({2, 3, 4, 1, 0});  // [3, 3, 3, I, O]
  const int64_t padded = PaddedChannels(out);
  if (padded != out) taps = at::constant_pad_nd(taps, {0, padded - out});
  return at::mm(KernelToPoints(), taps.reshape({27, in * padded})).view({kPoints, in, padded});
}

Tensor WeightFromPoints(const Tensor& points, int64_t out) {
  const int64_t in = points.size(1);
  const int64_t padded = points.size(2);
  return at::mm(KernelToPoints().t(), points.view({kPoints, in * padded}))
      .view({3, 3, 3, in, padded})
      .narrow(4, 0, out)
      .permute({4, 3, 0, 1, 2})
      .contiguous();
}

WinogradArgs ArgsOf(const Tensor& first, const Tensor& second, int64_t out_channels) {
  WinogradArgs args;
  args.first = first.const_data_ptr<float>();
  args.first_channels = first.size(1);
  if (second.defined()) {
    args.second = second.const_data_ptr<float>();
    args.second_channels = second.size(1);
  }
  for (int64_t axis = 0; axis < 3; ++axis) {
    args.size[axis] = first.size(axis + 2);
    args.num_tiles[axis] = (args.size[axis] + 1) / 2;
  }
  args.out_channels = out_channels;
  args.out_padded = PaddedChannels(out_channels);
  return args;
}

int64_t NumTiles(const Tensor& x_BCXYZ) {
  int64_t tiles = x_BCXYZ.size(0);
  for (int64_t axis = 2; axis < 5; ++axis) tiles *= (x_BCXYZ.size(axis) + 1) / 2;
  return tiles;
}

Tensor ConvolveChannelsLast(const Tensor& first, const Tensor& second, const Tensor& weight_OI333) {
  const int64_t out_channels = weight_OI333.size(0);
  const Tensor weight = WeightAtPoints(weight_OI333);
  Tensor out = at::empty({first.size(0), out_channels, first.size(2), first.size(3), first.size(4)},
                         first.options(),
                         at::MemoryFormat::ChannelsLast3d);
  WinogradArgs args = ArgsOf(first, second, out_channels);
  args.weight = weight.const_data_ptr<float>();
  args.out = out.mutable_data_ptr<float>();
  const KernelTable& kernels = ActiveKernels();
  const Tensor packed = at::empty_like(weight);
  RunOnTeam(kPoints, [&](int64_t begin, int64_t end, int) {
    kernels.winograd_pack(args, begin, end, packed.mutable_data_ptr<float>());
  });
  args.weight = packed.const_data_ptr<float>();
  const Tensor scratch = TeamScratch(kernels.winograd_scratch(args));
  RunOnTeam(NumTiles(first), [&](int64_t begin, int64_t end, int thread_idx) {
    kernels.winograd_forward(args, begin, end, scratch[thread_idx].mutable_data_ptr<float>());
  });
  return out;
}

Tensor WeightGradient(const Tensor& first, const Tensor& second, const Tensor& grad) {
  const int64_t out_channels = grad.size(1);
  WinogradArgs args = ArgsOf(first, second, out_channels);
  args.grad = grad.const_data_ptr<float>();
  const int64_t in = args.first_channels + args.second_channels;
  const Tensor points = at::zeros({TeamSize(), kPoints, in, args.out_padded}, at::kFloat);
  const KernelTable& kernels = ActiveKernels();
  const Tensor scratch = TeamScratch(kernels.winograd_scratch(args));
  RunOnTeam(NumTiles(first), [&](int64_t begin, int64_t end, int thread_idx) {
    WinogradArgs mine = args;
    mine.grad_weight = points[thread_idx].mutable_data_ptr<float>();
    kernels.winograd_weight_grad(mine, begin, end, scratch[thread_idx].mutable_data_ptr<float>());
  });
  return WeightFromPoints(TeamSize() == 1 ? points[0] : points.sum(0), out_channels);
}

// The kernel that carries a gradient from the outputs to input channels [begin, begin + count).
Tensor TransposedKernel(const Tensor& weight_OI333, int64_t begin, int64_t count) {
  return weight_OI333.narrow(1, begin, count).transpose(0, 1).flip({2, 3, 4});
}

class Conv3x3x3Function : public torch::autograd::Function<Conv3x3x3Function> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context,
                        const Tensor& first_BCXYZ,
                        const std::optional<Tensor>& second_BCXYZ,
                        const Tensor& weight_OI333) {
    const Tensor first = first_BCXYZ.contiguous(at::MemoryFormat::ChannelsLast3d);
    Tensor second;
    if (second_BCXYZ) second = second_BCXYZ->contiguous(at::MemoryFormat::ChannelsLast3d);
    context->save_for_backward({first, second, weight_OI333});
    return ConvolveChannelsLast(first, second, weight_OI333);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& first = saved[0];
    const Tensor& second = saved[1];
    const Tensor& weight_OI333 = saved[2];
    const Tensor grad = grads[0].contiguous(at::MemoryFormat::ChannelsLast3d);
    const int64_t split = first.size(1);
    Tensor grad_first, grad_second, grad_weight;
    if (context->needs_input_grad(0)) {
      grad_first = ConvolveChannelsLast(grad, Tensor(), TransposedKernel(weight_OI333, 0, split));
    }
    if (second.defined() && context->needs_input_grad(1)) {
      grad_second = ConvolveChannelsLast(
          grad, Tensor(), TransposedKernel(weight_OI333, split, second.size(1)));
    }
    // Only tensors that were given have an edge, so the weight's place depends on `second`.
    if (context->needs_input_grad(second.defined() ? 2 : 1)) {
      grad_weight = WeightGradient(first, second, grad);
    }
    return {grad_first, grad_second, grad_weight};
  }
};

}  // namespace

bool FusedConv3x3x3Supports(const Tensor& x_BCXYZ,
                            const std::optional<Tensor>& second_BCXYZ,
                            const Tensor& weight_OI333) {
  // Few tiles do not repay the transform of the weights; see docs/benchmarks/model.md.
  constexpr int64_t kMinTiles = 200;
  return x_BCXYZ.device().is_cpu() && x_BCXYZ.scalar_type() == at::kFloat && x_BCXYZ.dim() == 5 &&
         weight_OI333.dim() == 5 && weight_OI333.size(2) == 3 &&
         weight_OI333.scalar_type() == at::kFloat &&
         (x_BCXYZ.size(1) >= kMinChannels || !second_BCXYZ) &&
         (!second_BCXYZ || second_BCXYZ->size(1) >= kMinChannels) &&
         weight_OI333.size(0) >= kMinChannels && NumTiles(x_BCXYZ) >= kMinTiles;
}

Tensor FusedConv3x3x3(const Tensor& x_BCXYZ,
                      const std::optional<Tensor>& second_BCXYZ,
                      const Tensor& weight_OI333) {
  const int64_t in = x_BCXYZ.size(1) + (second_BCXYZ ? second_BCXYZ->size(1) : 0);
  SAP_CHECK(weight_OI333.dim() == 5 && weight_OI333.size(1) == in,
            "weight {} for {} channels",
            ShapeString(weight_OI333),
            in);
  SAP_CHECK(!second_BCXYZ || second_BCXYZ->sizes().slice(2) == x_BCXYZ.sizes().slice(2),
            "sources {} and {}",
            ShapeString(x_BCXYZ),
            ShapeString(*second_BCXYZ));
  if (in <
      kMinChannels) {  // an image of two channels: zero channels cost little and change nothing
    const int64_t missing = kMinChannels - in;
    const Tensor x = x_BCXYZ.contiguous(at::MemoryFormat::ChannelsLast3d);
    return Conv3x3x3Function::apply(
        at::constant_pad_nd(x, {0, 0, 0, 0, 0, 0, 0, missing}),
        second_BCXYZ,
        at::constant_pad_nd(weight_OI333, {0, 0, 0, 0, 0, 0, 0, missing}));
  }
  return Conv3x3x3Function::apply(x_BCXYZ, second_BCXYZ, weight_OI333);
}

}  // namespace sap::nn
