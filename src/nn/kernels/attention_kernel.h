// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/attention_backward.h"

namespace sap::nn::SAP_KERNEL_ISA {

template <int D, typename T>
void ZeroRows(T* first, int64_t stride, int64_t num_rows) {
  for (int64_t i = 0; i < num_rows; ++i) {
    for (int e = 0; e < D; ++e) FromFloat(0.0f, first + i * stride + e);
  }
}

template <typename T, int L, int D>
void ForwardTask(const AttentionArgs& args, int64_t task, float* scratch) {
  const Task<T, D> t(args, task);
  Forward<L, D> f(args, scratch);
  PackTask<T, D>(args, t, f.buffers);
  const int64_t n = args.num_tokens;
  const int64_t out_stride = args.num_heads * D;
  for (int64_t q0 = 0; q0 < n; q0 += L) {
    const int64_t lanes = n - q0 < L ? n - q0 : L;
    if (t.IsPadding(q0, q0 + lanes)) {
      ZeroRows<D>(t.out + q0 * out_stride, out_stride, lanes);
      continue;
    }
    const Floats<L> max = f.Scores(t, q0);
    const Floats<L> sum = f.Softmax(max, t, q0);
    f.WeightedValues(1.0f / sum);
    for (int64_t i = 0; i < lanes; ++i) {
      T* row = t.out + (q0 + i) * out_stride;
      for (int e = 0; e < D; ++e) FromFloat(f.out_dL[e * L + i], row + e);
      t.lse[q0 + i] = max[i] + __builtin_logf(sum[i]);
    }
  }
}

template <typename T, int L, int D>
void BackwardTask(const AttentionArgs& args, int64_t task, float* scratch) {
  const Task<T, D> t(args, task);
  Backward<L, D> b(args, scratch);
  PackTask<T, D>(args, t, b.buffers);
  b.PackGradients(t);
  const int64_t n = args.num_tokens;
  for (int64_t q0 = 0; q0 < n; q0 += L) {
    const int64_t lanes = n - q0 < L ? n - q0 : L;
    if (t.IsPadding(q0, q0 + lanes)) {
      ZeroRows<D>(t.grad_qkv + q0 * t.qkv_stride, t.qkv_stride, lanes);
      continue;
    }
    b.ScoreGradients(t, q0);
    b.QueryGradient();
    for (int64_t i = 0; i < lanes; ++i) {
      T* row = t.grad_qkv + (q0 + i) * t.qkv_stride;
      for (int e = 0; e < D; ++e) FromFloat(b.grad_q_dL[e * L + i] * t.scale, row + e);
    }
    b.AddOuterProducts(b.score_grad_NL, b.q_Nd, q0, b.grad_k);
    b.AddOuterProducts(b.prob_NL, b.grad_out_Nd, q0, b.grad_v);
  }
  const int64_t channels = args.num_heads * D;
  for (int64_t key = 0; key < n; ++key) {
    T* row = t.grad_qkv + key * t.qkv_stride;
    for (int e = 0; e < D; ++e) {
      FromFloat(b.Folded(b.grad_k, key, e), row + channels + e);
      FromFloat(b.Folded(b.grad_v, key, e), row + 2 * channels + e);
    }
  }
}

template <typename T, int L, int D>
void RunAttention(
    const AttentionArgs& args, int64_t begin, int64_t end, float* scratch, bool backward) {
  for (int64_t task = begin; task < end; ++task) {
    if (backward) {
      BackwardTask<T, L, D>(args, task, scratch);
    } else {
      ForwardTask<T, L, D>(args, task, scratch);
    }
  }
}

template <int L, int D>
void RunAttention(
    const AttentionArgs& args, int64_t begin, int64_t end, float* scratch, bool backward) {
  if (args.is_bf16) {
    RunAttention<Bf16, L, D>(args, begin, end, scratch, backward);
  } else {
    RunAttention<float, L, D>(args, begin, end, scratch, backward);
  }
}

template <int L>
void RunAttention(
    const AttentionArgs& args, int64_t begin, int64_t end, float* scratch, bool backward) {
  if (args.head_dim == 4) RunAttention<L, 4>(args, begin, end, scratch, backward);
  if (args.head_dim == 8) RunAttention<L, 8>(args, begin, end, scratch, backward);
  if (args.head_dim == 16) RunAttention<L, 16>(args, begin, end, scratch, backward);
}

template <int L>
int64_t AttentionScratch(const AttentionArgs& args, bool backward) {
  const int64_t d = args.head_dim;
  const int64_t padded = args.num_padded;
  const int64_t wide = d > L ? d : L;
  const int64_t forward = padded * (3 * d + 2 + L) + d * L;
  return 4 * (backward ? forward + padded * (3 * d + 2 + L + 2 * wide) : forward) + 64;
}

template <int L>
void AttentionForward(const AttentionArgs& args, int64_t begin, int64_t end, float* scratch) {
  RunAttention<L>(args, begin, end, scratch, /*backward=*/false);
}
template <int L>
void AttentionBackward(const AttentionArgs& args, int64_t begin, int64_t end, float* scratch) {
  RunAttention<L>(args, begin, end, scratch, /*backward=*/true);
}

}  // namespace sap::nn::SAP_KERNEL_ISA
