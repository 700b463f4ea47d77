// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/attention_tile.h"

namespace sap::nn::SAP_KERNEL_ISA {

// P = exp(score - lse); dP = dO . v; dS = P * (dP - sum(o * dO)); bias += dS; dq = dS . k;
// dk = dS^T q and dv = P^T dO as outer products that keep d in the lanes.
template <int L, int D>
struct Backward {
  // Where d < L a vector holds kPack queries side by side; the parts are folded at the end.
  static constexpr int kPack = D < L ? L / D : 1;
  static constexpr int kVectors = D < L ? 1 : D / L;
  static constexpr int kWide = kVectors * L;

  Backward(const AttentionArgs& a, float* scratch) : args(a) {
    const int64_t padded = a.num_padded;
    float* next = scratch;
    const auto take = [&next](int64_t count) {
      float* taken = next;
      next += count;
      return taken;
    };
    buffers = {take(padded * D), take(padded * D), take(padded * D), take(padded), take(padded)};
    prob_NL = take(padded * L);
    grad_q_dL = take(D * L);
    score_grad_NL = take(padded * L);
    q_Nd = take(padded * D);
    grad_out_Nd = take(padded * D);
    grad_out_dN = take(padded * D);
    delta_N = take(padded);
    lse_N = take(padded);
    grad_k = take(padded * kWide);
    grad_v = take(padded * kWide);
  }

  template <typename TaskType>
  void PackGradients(const TaskType& t) {
    const int64_t n = args.num_tokens;
    const int64_t padded = args.num_padded;
    for (int64_t i = 0; i < padded; ++i) {
      float delta = 0.0f;
      for (int e = 0; e < D; ++e) {
        const int64_t at = i * args.num_heads * D + e;
        const float g = i < n ? ToFloat(t.grad_out[at]) : 0.0f;
        delta += i < n ? g * ToFloat(t.out[at]) : 0.0f;
        grad_out_Nd[i * D + e] = g;
        grad_out_dN[e * padded + i] = g;
        q_Nd[i * D + e] = buffers.q_dN[e * padded + i];
      }
      delta_N[i] = delta;
      lse_N[i] = i < n ? t.lse[i] : 0.0f;
    }
    for (int64_t i = 0; i < padded * kWide; ++i) grad_k[i] = grad_v[i] = 0.0f;
  }

  template <typename TaskType>
  SAP_INLINE void ScoreGradients(const TaskType& t, int64_t q0) {
    constexpr int kBlock = 7;
    int64_t key = 0;
    for (; key + kBlock <= args.num_tokens; key += kBlock) ScoreGradientBlock<kBlock>(t, key, q0);
    for (; key < args.num_tokens; ++key) ScoreGradientBlock<1>(t, key, q0);
  }

  template <int B, typename TaskType>
  SAP_INLINE void ScoreGradientBlock(const TaskType& t, int64_t key, int64_t q0) {
    Floats<L> p[B];
    ScoreBlock<L, D, B>(p, args, t, buffers, key, q0);
    const Floats<L> lse = Load<L>(lse_N + q0);
    for (int j = 0; j < B; ++j) p[j] = Exp<L>(p[j] - lse);
    for (int j = 0; j < B; ++j) Store<L>(prob_NL + (key + j) * L, p[j]);
    Floats<L> dp[B] = {};
    AddDots<L, D, B>(dp, buffers.v_Nd + key * D, grad_out_dN + q0, args.num_padded);
    const Floats<L> delta = Load<L>(delta_N + q0);
    const Words<L> hash = LoadWords<L>(buffers.row_hash + q0);
    for (int j = 0; j < B; ++j) {
      const Floats<L> prob = Load<L>(prob_NL + (key + j) * L);
      if (args.drop_below > 0) {
        const Floats<L> factor = DropFactor<L>(args, hash, key + j);
        Store<L>(prob_NL + (key + j) * L, prob * factor);
        dp[j] *= factor;
      }
      const Floats<L> ds = prob * (dp[j] - delta);
      Store<L>(score_grad_NL + (key + j) * L, ds);
      float* bias = args.grad_bias_NN + (key + j) * args.num_padded + q0;
      Store<L>(bias, Load<L>(bias) + ds);
    }
  }

  SAP_INLINE void QueryGradient() {
    WeightedSum<L, D>(score_grad_NL, buffers.k_Nd, args.num_tokens, grad_q_dL);
  }

  // out[key] += sum over the L queries of weight[key][query] * row[query].
  SAP_INLINE void AddOuterProducts(const float* weight_NL,
                                   const float* row_Nd,
                                   int64_t q0,
                                   float* out) {
    constexpr int kBlock = 4;
    int64_t key = 0;
    for (; key + kBlock <= args.num_tokens; key += kBlock) {
      OuterBlock<kBlock>(weight_NL + key * L, row_Nd + q0 * D, out + key * kWide);
    }
    for (; key < args.num_tokens; ++key) {
      OuterBlock<1>(weight_NL + key * L, row_Nd + q0 * D, out + key * kWide);
    }
  }

  template <int B>
  SAP_INLINE void OuterBlock(const float* weight, const float* rows, float* out) {
    Floats<L> acc[B][kVectors];
    for (int j = 0; j < B; ++j) {
      for (int v = 0; v < kVectors; ++v) acc[j][v] = Load<L>(out + j * kWide + v * L);
    }
#pragma GCC unroll 16
    for (int i = 0; i < L / kPack; ++i) {
      for (int v = 0; v < kVectors; ++v) {
        const Floats<L> row = Load<L>(rows + i * kPack * D + v * L);
        for (int j = 0; j < B; ++j) acc[j][v] += row * WeightOf(weight + j * L, i);
      }
    }
    for (int j = 0; j < B; ++j) {
      for (int v = 0; v < kVectors; ++v) Store<L>(out + j * kWide + v * L, acc[j][v]);
    }
  }

  // The weights of the queries that row vector i holds, each repeated d times.
  SAP_INLINE static Floats<L> WeightOf(const float* weight, int i) {
    if constexpr (kPack == 1) {
      return Splat<L>(weight[i]);
    } else {
      Ints<L> from;
      for (int lane = 0; lane < L; ++lane) from[lane] = i * kPack + lane / D;
      return __builtin_shuffle(Load<L>(weight), from);
    }
  }

  float Folded(const float* wide, int64_t key, int e) const {
    float sum = 0.0f;
    for (int part = 0; part < kPack; ++part) sum += wide[key * kWide + part * D + e];
    return sum;
  }

  const AttentionArgs& args;
  TaskBuffers buffers;
  float* prob_NL;
  float* grad_q_dL;
  float* score_grad_NL;
  float* q_Nd;
  float* grad_out_Nd;
  float* grad_out_dN;
  float* delta_N;
  float* lse_N;
  float* grad_k;
  float* grad_v;
};

}  // namespace sap::nn::SAP_KERNEL_ISA
