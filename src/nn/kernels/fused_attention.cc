// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <mutex>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <torch/csrc/autograd/custom_function.h>

#include "nn/kernels/kernel_table.h"
#include "nn/kernels/team.h"
#include "sap/core/error.h"
#include "sap/nn/fused_ops.h"

namespace sap::nn {
namespace {

constexpr int64_t kTableRows = 13 * 13 * 13;
constexpr int64_t kZeroOffset = 6 * 169 + 6 * 13 + 6;

constexpr int64_t kRun = 7;  // tokens in a row of the window: neighbours in the table too

// Position of token t in the table's 13^3 code; token numbers are decoded in a 7x7x7 window
// whatever the window is (swin_unetr §1.5). Row of a pair: Code(query) - Code(key) + kZeroOffset.
int64_t Code(int64_t t) {
  return t / 49 * 169 + t / 7 % 7 * 13 + t % 7;
}

// bias_hNN [h, key, padded query], zero where there is no query.
Tensor BiasFromTable(const Tensor& table_Th, int64_t num_tokens, int64_t num_padded) {
  const int64_t heads = table_Th.size(1);
  Tensor bias_hNN = at::empty({heads, num_tokens, num_padded}, at::kFloat);
  const Tensor table_hT = table_Th.to(at::kFloat).t().contiguous();
  const float* table = table_hT.const_data_ptr<float>();
  float* bias = bias_hNN.mutable_data_ptr<float>();
  RunOnTeam(heads * num_tokens, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const float* of_key =
          table + row / num_tokens * kTableRows + kZeroOffset - Code(row % num_tokens);
      float* to = bias + row * num_padded;
      for (int64_t q = 0; q < num_tokens; q += kRun) {
        std::copy_n(of_key + Code(q), std::min(kRun, num_tokens - q), to + q);
      }
      std::fill(to + num_tokens, to + num_padded, 0.0f);
    }
  });
  return bias_hNN;
}

void AddBiasGradient(const float* bias_NN,
                     int64_t num_tokens,
                     int64_t num_padded,
                     double* table_T) {
  for (int64_t key = 0; key < num_tokens; ++key) {
    double* of_key = table_T + kZeroOffset - Code(key);
    const float* from = bias_NN + key * num_padded;
    for (int64_t q = 0; q < num_tokens; q += kRun) {
      double* to = of_key + Code(q);
      const int64_t run = std::min(kRun, num_tokens - q);
      for (int64_t i = 0; i < run; ++i) to[i] += static_cast<double>(from[q + i]);
    }
  }
}

struct Dropout {
  double probability;
  int64_t seed;
};

// One draw from LibTorch's generator per call: saving its state reproduces the masks.
int64_t DrawSeed() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return static_cast<int64_t>(at::check_generator<at::CPUGeneratorImpl>(generator)->random64());
}

AttentionArgs ArgsOf(const Tensor& qkv_MNE,
                     const Tensor& bias_hNN,
                     const Tensor& region_WN,
                     const Tensor& padding_WN,
                     const Dropout& dropout) {
  AttentionArgs args;
  args.is_bf16 = qkv_MNE.scalar_type() == at::kBFloat16;
  args.qkv_MNE = qkv_MNE.const_data_ptr();
  args.bias_hNN = bias_hNN.const_data_ptr<float>();
  args.num_windows = qkv_MNE.size(0);
  args.num_tokens = qkv_MNE.size(1);
  args.num_padded = bias_hNN.size(2);
  args.num_heads = bias_hNN.size(0);
  args.head_dim = qkv_MNE.size(2) / 3 / args.num_heads;
  if (region_WN.defined()) {
    args.region_WN = region_WN.const_data_ptr<int32_t>();
    args.num_region_windows = region_WN.size(0);
  }
  if (padding_WN.defined()) {
    args.padding_WN = padding_WN.const_data_ptr<uint8_t>();
    args.num_padding_windows = padding_WN.size(0);
  }
  if (dropout.probability > 0.0) {
    args.drop_below = static_cast<uint32_t>(std::lround(dropout.probability * 4294967295.0));
    args.keep_scale = static_cast<float>(1.0 / (1.0 - dropout.probability));
    args.dropout_seed = static_cast<uint64_t>(dropout.seed);
  }
  return args;
}

std::pair<Tensor, Tensor> Forward(const Tensor& qkv_MNE, AttentionArgs args) {
  const int64_t m = args.num_windows;
  Tensor out_MNE = at::empty({m, args.num_tokens, qkv_MNE.size(2) / 3}, qkv_MNE.options());
  Tensor lse_MhN = at::empty({m, args.num_heads, args.num_tokens}, at::kFloat);
  args.out_MNE = out_MNE.mutable_data_ptr();
  args.lse_MhN = lse_MhN.mutable_data_ptr<float>();
  const KernelTable& kernels = ActiveKernels();
  const Tensor scratch = TeamScratch(kernels.attention_scratch(args, /*backward=*/false));
  RunOnTeam(args.num_heads * m, [&](int64_t begin, int64_t end, int thread_idx) {
    kernels.attention_forward(args, begin, end, scratch[thread_idx].mutable_data_ptr<float>());
  });
  return {out_MNE, lse_MhN};
}

// Each thread works head by head, so that one head's bias gradient is summed in one buffer and
// then scattered into the thread's own table.
Tensor Backward(const AttentionArgs& args, int64_t num_heads) {
  const KernelTable& kernels = ActiveKernels();
  const int64_t bias_count = args.num_tokens * args.num_padded;
  const Tensor scratch = TeamScratch(kernels.attention_scratch(args, /*backward=*/true));
  const Tensor bias_PNN = at::empty({TeamSize(), bias_count}, at::kFloat);
  const Tensor table_PhT = at::zeros({TeamSize(), num_heads, kTableRows}, at::kDouble);
  RunOnTeam(num_heads * args.num_windows, [&](int64_t begin, int64_t end, int thread_idx) {
    AttentionArgs mine = args;
    mine.grad_bias_NN = bias_PNN[thread_idx].mutable_data_ptr<float>();
    while (begin < end) {
      const int64_t head = begin / args.num_windows;
      const int64_t head_end = std::min(end, (head + 1) * args.num_windows);
      std::fill_n(mine.grad_bias_NN, bias_count, 0.0f);
      kernels.attention_backward(
          mine, begin, head_end, scratch[thread_idx].mutable_data_ptr<float>());
      AddBiasGradient(mine.grad_bias_NN,
                      args.num_tokens,
                      args.num_padded,
                      table_PhT[thread_idx][head].mutable_data_ptr<double>());
      begin = head_end;
    }
  });
  return table_PhT.sum(0).t();
}

// A [W, N] table of the tokens, ready for the kernels.
std::optional<Tensor> TokenTable(const std::optional<Tensor>& table_WN,
                                 at::ScalarType dtype,
                                 const Tensor& qkv_MNE) {
  if (!table_WN) return std::nullopt;
  SAP_CHECK(table_WN->scalar_type() == dtype && table_WN->dim() == 2 &&
                table_WN->size(1) == qkv_MNE.size(1) && qkv_MNE.size(0) % table_WN->size(0) == 0,
            "tokens {} for {}",
            ShapeString(*table_WN),
            ShapeString(qkv_MNE));
  return table_WN->contiguous();
}

class WindowAttentionFunction : public torch::autograd::Function<WindowAttentionFunction> {
 public:
  static Tensor forward(torch::autograd::AutogradContext* context,
                        const Tensor& qkv_MNE_in,
                        const Tensor& table_Th,
                        const std::optional<Tensor>& region_WN_in,
                        const std::optional<Tensor>& padding_WN_in,
                        double dropout_p,
                        int64_t seed) {
    const Tensor region_WN = region_WN_in.value_or(Tensor());
    const Tensor padding_WN = padding_WN_in.value_or(Tensor());
    const Tensor qkv_MNE = qkv_MNE_in.contiguous();
    const int64_t n = qkv_MNE.size(1);
    const Tensor bias_hNN = BiasFromTable(table_Th, n, (n + kQueryPad - 1) / kQueryPad * kQueryPad);
    auto [out_MNE, lse_MhN] =
        Forward(qkv_MNE, ArgsOf(qkv_MNE, bias_hNN, region_WN, padding_WN, {dropout_p, seed}));
    context->save_for_backward({qkv_MNE, table_Th, out_MNE, lse_MhN, region_WN, padding_WN});
    context->saved_data["dropout_p"] = dropout_p;
    context->saved_data["seed"] = seed;
    return out_MNE;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list grads) {
    const auto saved = context->get_saved_variables();
    const Tensor& qkv_MNE = saved[0];
    const Tensor& table_Th = saved[1];
    const Tensor& out_MNE = saved[2];
    const Tensor& lse_MhN = saved[3];
    const int64_t n = qkv_MNE.size(1);
    const Tensor bias_hNN = BiasFromTable(table_Th, n, (n + kQueryPad - 1) / kQueryPad * kQueryPad);
    const Tensor grad_out_MNE = grads[0].to(qkv_MNE.scalar_type()).contiguous();
    Tensor grad_qkv_MNE = at::empty_like(qkv_MNE);
    AttentionArgs args =
        ArgsOf(qkv_MNE,
               bias_hNN,
               saved[4],
               saved[5],
               {context->saved_data["dropout_p"].toDouble(), context->saved_data["seed"].toInt()});
    args.out_MNE = out_MNE.data_ptr();
    args.lse_MhN = lse_MhN.data_ptr<float>();
    args.grad_out_MNE = grad_out_MNE.const_data_ptr();
    args.grad_qkv_MNE = grad_qkv_MNE.mutable_data_ptr();
    const Tensor grad_table_Th = Backward(args, args.num_heads).to(table_Th.scalar_type());
    return {grad_qkv_MNE, grad_table_Th, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

bool FusedWindowAttentionSupports(const Tensor& qkv_MNE, int64_t num_heads) {
  if (!FusedSupports(qkv_MNE) || qkv_MNE.dim() != 3 || qkv_MNE.numel() == 0) return false;
  const int64_t head_dim = qkv_MNE.size(2) / 3 / num_heads;
  return qkv_MNE.size(1) <= 343 && (head_dim == 4 || head_dim == 8 || head_dim == 16);
}

Tensor FusedWindowAttention(const Tensor& qkv_MNE,
                            const Tensor& table_Th,
                            const std::optional<Tensor>& region_WN,
                            int64_t num_heads,
                            double dropout_p,
                            const std::optional<Tensor>& padding_WN) {
  SAP_CHECK(FusedWindowAttentionSupports(qkv_MNE, num_heads),
            "{} with {} heads",
            ShapeString(qkv_MNE),
            num_heads);
  SAP_CHECK(table_Th.dim() == 2 && table_Th.size(0) == kTableRows && table_Th.size(1) == num_heads,
            "bias table {}",
            ShapeString(table_Th));
  SAP_CHECK(dropout_p >= 0.0 && dropout_p < 1.0, "dropout {}", dropout_p);
  const int64_t seed = dropout_p > 0.0 ? DrawSeed() : 0;
  return WindowAttentionFunction::apply(qkv_MNE,
                                        table_Th,
                                        TokenTable(region_WN, at::kInt, qkv_MNE),
                                        TokenTable(padding_WN, at::kByte, qkv_MNE),
                                        dropout_p,
                                        seed);
}

}  // namespace sap::nn
