// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/kernels/kernel_table.h"
#include "nn/kernels/team.h"
#include "sap/core/error.h"
#include "sap/nn/fused_ops.h"

namespace sap::nn {
namespace {

constexpr double kEpsilon = 1e-5;
constexpr int64_t kRowsPerPiece = 512;

Tensor ChannelsLast(const Tensor& x) {
  return x.contiguous(at::MemoryFormat::ChannelsLast3d);
}

// The rows of one sample, in the tensor's own type.
template <typename Pointer>
Pointer SampleRows(Pointer data, const Tensor& x, int64_t sample) {
  if (data == nullptr) return nullptr;
  const int64_t bytes = sample * x[0].numel() * x.element_size();
  using Byte =
      std::conditional_t<std::is_const_v<std::remove_pointer_t<Pointer>>, const char, char>;
  return reinterpret_cast<Byte*>(data) + bytes;
}

struct ChannelSums {
  std::vector<double> first_C;
  std::vector<double> second_C;
};

// Sums every row of one sample in float64 over pieces of fixed size: the result does not depend
// on the number of threads.
template <typename Kernel>
ChannelSums SumRows(const NormArgs& args, int64_t num_rows, Kernel kernel) {
  const int64_t channels = args.num_channels;
  const int64_t rows_per_piece =
      std::max(kRowsPerPiece, (num_rows + 1023) / 1024);  // at most 1,024 pieces
  const int64_t pieces = (num_rows + rows_per_piece - 1) / rows_per_piece;
  std::vector<double> partial(static_cast<size_t>(pieces * 2 * channels));
  RunOnTeam(pieces, [&](int64_t begin, int64_t end, int) {
    for (int64_t p = begin; p < end; ++p) {
      double* sums = partial.data() + p * 2 * channels;
      kernel(args,
             p * rows_per_piece,
             std::min(num_rows, (p + 1) * rows_per_piece),
             sums,
             sums + channels);
    }
  });
  ChannelSums total{std::vector<double>(static_cast<size_t>(channels)),
                    std::vector<double>(static_cast<size_t>(channels))};
  for (int64_t p = 0; p < pieces; ++p) {
    const double* sums = partial.data() + p * 2 * channels;
    for (int64_t c = 0; c < channels; ++c) {
      total.first_C[static_cast<size_t>(c)] += sums[c];
      total.second_C[static_cast<size_t>(c)] += sums[channels + c];
    }
  }
  return total;
}

template <typename Kernel>
void ApplyRows(const NormArgs& args, int64_t num_rows, Kernel kernel) {
  const int64_t pieces = (num_rows + kRowsPerPiece - 1) / kRowsPerPiece;
  RunOnTeam(pieces, [&](int64_t begin, int64_t end, int) {
    kernel(args, begin * kRowsPerPiece, std::min(num_rows, end * kRowsPerPiece));
  });
}

// y of one sample; rstd_C is written.
void NormSample(NormArgs args, const Tensor& x, int64_t sample, float* rstd_C) {
  const int64_t rows = x[0].numel() / args.num_channels;
  // The first row as a shift keeps the sum of squares exact where |mean| is far above std.
  const Tensor shift_C = x[sample].flatten(1).select(1, 0).to(at::kFloat).contiguous();
  args.shift_C = shift_C.const_data_ptr<float>();
  const ChannelSums sums = SumRows(args, rows, ActiveKernels().norm_sums);
  std::vector<float> mean_C(static_cast<size_t>(args.num_channels));
  for (size_t c = 0; c < mean_C.size(); ++c) {
    const double mean = sums.first_C[c] / static_cast<double>(rows);
    const double variance =
        std::max(0.0, sums.second_C[c] / static_cast<double>(rows) - mean * mean);
    const double rstd = 1.0 / std::sqrt(variance + kEpsilon);
    rstd_C[c] = static_cast<float>(rstd);
    mean_C[c] = static_cast<float>(mean + static_cast<double>(args.shift_C[c]));
  }
  args.scale_C = rstd_C;
  args.offset_C = mean_C.data();
  ApplyRows(args, rows, ActiveKernels().norm_apply);
}

void NormGradSample(NormArgs args, const Tensor& x, const float* rstd_C) {
  const int64_t rows = x[0].numel() / args.num_channels;
  const ChannelSums sums = SumRows(args, rows, ActiveKernels().norm_grad_sums);
  std::vector<float> mean_g_C(static_cast<size_t>(args.num_channels));
  std::vector<float> mean_gx_C(static_cast<size_t>(args.num_channels));
  for (size_t c = 0; c < mean_g_C.size(); ++c) {
    mean_g_C[c] = static_cast<float>(sums.first_C[c] / static_cast<double>(rows));
    mean_gx_C[c] = static_cast<float>(sums.second_C[c] / static_cast<double>(rows));
  }
  args.scale_C = rstd_C;
  args.offset_C = mean_g_C.data();
  args.slant_C = mean_gx_C.data();
  ApplyRows(args, rows, ActiveKernels().norm_grad_apply);
}

NormArgs ArgsOf(const Tensor& x, double slope) {
  NormArgs args;
  args.is_bf16 = x.scalar_type() == at::kBFloat16;
  args.num_channels = x.size(1);
  args.slope = static_cast<float>(slope);
  return args;
}

// Returns y and rstd [B, C].
std::pair<Tensor, Tensor> Forward(const Tensor& x,
                                  const std::optional<Tensor>& residual,
                                  double slope) {
  Tensor y = at::empty_like(x);
  Tensor rstd_BC = at::empty({x.size(0), x.size(1)}, at::kFloat);
  for (int64_t b = 0; b < x.size(0); ++b) {
    NormArgs args = ArgsOf(x, slope);
    args.x_SC = SampleRows(x.const_data_ptr(), x, b);
    args.residual_SC = residual ? SampleRows(residual->const_data_ptr(), x, b) : nullptr;
    args.out_SC = SampleRows(y.mutable_data_ptr(), x, b);
    NormSample(args, x, b, rstd_BC[b].mutable_data_ptr<float>());
  }
  return {y, rstd_BC};
}

class InstanceNormActFunction : public torch::autograd::Function<InstanceNormActFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context,
                        const Tensor& x_BCXYZ,
                        const std::optional<Tensor>& residual_BCXYZ,
                        double slope) {
    const Tensor x = ChannelsLast(x_BCXYZ);
    std::optional<Tensor> residual;
    if (residual_BCXYZ) residual = ChannelsLast(residual_BCXYZ->to(x.scalar_type()));
    auto [y, rstd_BC] = Forward(x, residual, slope);
    context->save_for_backward({y, rstd_BC, residual ? *residual : Tensor()});
    context->saved_data["slope"] = slope;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& y = saved[0];
    const Tensor& rstd_BC = saved[1];
    const Tensor& residual = saved[2];
    const Tensor grad = ChannelsLast(grads[0].to(y.scalar_type()));
    Tensor grad_x = at::empty_like(y);
    Tensor grad_residual;
    if (residual.defined() && context->needs_input_grad(1)) grad_residual = at::empty_like(y);
    for (int64_t b = 0; b < y.size(0); ++b) {
      NormArgs args = ArgsOf(y, context->saved_data["slope"].toDouble());
      args.x_SC = SampleRows(y.const_data_ptr(), y, b);
      args.grad_SC = SampleRows(grad.const_data_ptr(), y, b);
      if (residual.defined()) args.residual_SC = SampleRows(residual.const_data_ptr(), y, b);
      args.out_SC = SampleRows(grad_x.mutable_data_ptr(), y, b);
      if (grad_residual.defined()) {
        args.grad_residual_SC = SampleRows(grad_residual.mutable_data_ptr(), y, b);
      }
      NormGradSample(args, y, rstd_BC[b].const_data_ptr<float>());
    }
    return {grad_x, grad_residual, Tensor()};
  }
};

}  // namespace

bool FusedSupports(const Tensor& tensor) {
  return tensor.device().is_cpu() &&
         (tensor.scalar_type() == at::kFloat || tensor.scalar_type() == at::kBFloat16);
}

bool FusedInstanceNormActSupports(const Tensor& x_BCXYZ, double slope) {
  return FusedSupports(x_BCXYZ) && x_BCXYZ.dim() == 5 && slope > 0.0 && x_BCXYZ.numel() > 0 &&
         std::lcm(x_BCXYZ.size(1), int64_t{16}) <= 4096;
}

Tensor FusedInstanceNormAct(const Tensor& x_BCXYZ,
                            const std::optional<Tensor>& residual_BCXYZ,
                            double slope) {
  SAP_CHECK(FusedInstanceNormActSupports(x_BCXYZ, slope),
            "{} with slope {}",
            ShapeString(x_BCXYZ),
            slope);
  SAP_CHECK(!residual_BCXYZ || residual_BCXYZ->sizes() == x_BCXYZ.sizes(),
            "residual {} to {}",
            ShapeString(*residual_BCXYZ),
            ShapeString(x_BCXYZ));
  return InstanceNormActFunction::apply(x_BCXYZ, residual_BCXYZ, slope);
}

}  // namespace sap::nn
