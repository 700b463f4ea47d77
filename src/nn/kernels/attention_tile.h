// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/kernel_table.h"
#include "nn/kernels/simd.h"

// Window attention of one head in one window: L queries in the lanes of a vector, the keys in
// the loop, so that the softmax needs no horizontal sum and the scores [key][L] stay in the
// first-level cache. The backward pass computes the scores again from q, k and the row's
// log-sum-exp.

namespace sap::nn::SAP_KERNEL_ISA {

inline constexpr float kOtherRegion = -100.0f;  // swin_unetr §1.4: finite, not minus infinity

SAP_INLINE uint32_t MixSeed(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return static_cast<uint32_t>((z ^ (z >> 31)) >> 16);
}

// Where one (head, window) finds its data.
template <typename T, int D>
struct Task {
  Task(const AttentionArgs& args, int64_t task) {
    const int64_t head = task / args.num_windows;
    const int64_t window = task % args.num_windows;
    const int64_t n = args.num_tokens;
    const int64_t channels = args.num_heads * D;
    qkv_stride = 3 * channels;
    const int64_t qkv_at = window * n * qkv_stride + head * D;
    const int64_t out_at = window * n * channels + head * D;
    qkv = static_cast<const T*>(args.qkv_MNE) + qkv_at;
    out = static_cast<T*>(args.out_MNE) + out_at;
    grad_out = static_cast<const T*>(args.grad_out_MNE) + out_at;
    grad_qkv = static_cast<T*>(args.grad_qkv_MNE) + qkv_at;
    bias = args.bias_hNN + head * n * args.num_padded;
    lse = args.lse_MhN + (window * args.num_heads + head) * n;
    seed = args.dropout_seed + 0x9E3779B97F4A7C15u * static_cast<uint64_t>(1 + task);
    if (args.region_WN != nullptr) {
      region = args.region_WN + (window % args.num_region_windows) * n;
      bool uniform = true;
      for (int64_t i = 1; i < n; ++i) uniform &= region[i] == region[0];
      if (uniform) region = nullptr;
    }
    if (args.padding_WN != nullptr) {
      padding = args.padding_WN + (window % args.num_padding_windows) * n;
    }
  }

  // Whether all queries from begin to end are padding, whose output nobody reads: a window at the
  // grid's end may be padding for the most part.
  bool IsPadding(int64_t begin, int64_t end) const {
    if (padding == nullptr) return false;
    for (int64_t i = begin; i < end; ++i) {
      if (padding[i] == 0) return false;
    }
    return true;
  }

  const T* qkv;
  T* out;
  const T* grad_out;
  T* grad_qkv;
  const float* bias;
  float* lse;
  const int32_t* region = nullptr;  // null where every pair may attend
  const uint8_t* padding = nullptr;
  uint64_t seed;
  int64_t qkv_stride;
  float scale = D == 4 ? 0.5f : D == 16 ? 0.25f : 0.353553390593273762f;
};

struct TaskBuffers {
  float* q_dN;  // scaled, transposed, zero beyond the last token
  float* k_Nd;
  float* v_Nd;
  float* region;    // int32 labels of the queries
  float* row_hash;  // uint32 dropout state of each query
};

template <typename T, int D>
void PackTask(const AttentionArgs& args, const Task<T, D>& t, const TaskBuffers& to) {
  const int64_t n = args.num_tokens;
  const int64_t padded = args.num_padded;
  const int64_t channels = args.num_heads * D;
  for (int64_t i = 0; i < n; ++i) {
    const T* row = t.qkv + i * t.qkv_stride;
    for (int e = 0; e < D; ++e) {
      to.q_dN[e * padded + i] = ToFloat(row[e]) * t.scale;
      to.k_Nd[i * D + e] = ToFloat(row[channels + e]);
      to.v_Nd[i * D + e] = ToFloat(row[2 * channels + e]);
    }
  }
  for (int e = 0; e < D; ++e) {
    for (int64_t i = n; i < padded; ++i) to.q_dN[e * padded + i] = 0.0f;
  }
  for (int64_t i = 0; i < padded; ++i) {
    const int32_t label = t.region != nullptr && i < n ? t.region[i] : 0;
    const uint32_t hash = args.drop_below > 0 ? MixSeed(t.seed + static_cast<uint64_t>(i)) : 0;
    __builtin_memcpy(to.region + i, &label, sizeof(label));
    __builtin_memcpy(to.row_hash + i, &hash, sizeof(hash));
  }
}

template <int L>
SAP_INLINE Words<L> LoadWords(const float* from) {
  return (Words<L>)Load<L>(from);
}

// keep_scale where the pair (query lane, key) survives dropout, else 0. A function of seed,
// task, query and key only, so that the backward pass finds the same mask.
template <int L>
SAP_INLINE Floats<L> DropFactor(const AttentionArgs& args, Words<L> row_hash, int64_t key) {
  Words<L> x = row_hash ^ (static_cast<uint32_t>(key) * 0x9E3779B9u);
  x ^= x >> 16;
  x *= 0x7feb352du;
  x ^= x >> 15;
  x *= 0x846ca68bu;
  x ^= x >> 16;
  return x >= args.drop_below ? Splat<L>(args.keep_scale) : Floats<L>{};
}

// Sums over d of a[key + j][e] * b_dN[e][q0 + lane], j < B, on top of what acc holds.
template <int L, int D, int B>
SAP_INLINE void AddDots(Floats<L> (&acc)[B], const float* a_Nd, const float* b_dN, int64_t stride) {
#pragma GCC unroll 16
  for (int e = 0; e < D; ++e) {
    const Floats<L> b = Load<L>(b_dN + e * stride);
#pragma GCC unroll 8
    for (int j = 0; j < B; ++j) acc[j] += b * a_Nd[j * D + e];
  }
}

// Score of B keys with L queries: q.k + bias + region term.
template <int L, int D, int B, typename TaskType>
SAP_INLINE void ScoreBlock(Floats<L> (&acc)[B],
                           const AttentionArgs& args,
                           const TaskType& t,
                           const TaskBuffers& in,
                           int64_t key,
                           int64_t q0) {
#pragma GCC unroll 8
  for (int j = 0; j < B; ++j) acc[j] = Load<L>(t.bias + (key + j) * args.num_padded + q0);
  if (t.region != nullptr) {
    const Words<L> label = LoadWords<L>(in.region + q0);
    for (int j = 0; j < B; ++j) {
      const auto same = label == static_cast<uint32_t>(t.region[key + j]);
      acc[j] += same ? Floats<L>{} : Splat<L>(kOtherRegion);
    }
  }
  AddDots<L, D, B>(acc, in.k_Nd + key * D, in.q_dN + q0, args.num_padded);
}

// out_dL[e][lane] = sum over keys of weight[key][lane] * value[key][e].
template <int L, int D>
SAP_INLINE void WeightedSum(const float* weight_NL,
                            const float* value_Nd,
                            int64_t n,
                            float* out_dL) {
  constexpr int kBlock = D < 8 ? D : 8;
#pragma GCC unroll 2
  for (int e0 = 0; e0 < D; e0 += kBlock) {
    Floats<L> acc[kBlock] = {};
    for (int64_t key = 0; key < n; ++key) {
      const Floats<L> w = Load<L>(weight_NL + key * L);
#pragma GCC unroll 8
      for (int e = 0; e < kBlock; ++e) acc[e] += w * value_Nd[key * D + e0 + e];
    }
#pragma GCC unroll 8
    for (int e = 0; e < kBlock; ++e) Store<L>(out_dL + (e0 + e) * L, acc[e]);
  }
}

template <int L, int D>
struct Forward {
  Forward(const AttentionArgs& a, float* scratch) : args(a) {
    const int64_t padded = a.num_padded;
    buffers = {scratch,
               scratch + padded * D,
               scratch + 2 * padded * D,
               scratch + 3 * padded * D,
               scratch + padded * (3 * D + 1)};
    prob_NL = scratch + padded * (3 * D + 2);
    out_dL = prob_NL + padded * L;
  }

  template <typename TaskType>
  SAP_INLINE Floats<L> Scores(const TaskType& t, int64_t q0) {
    constexpr int kBlock = 7;  // 343 = 49 * 7
    Floats<L> max = Splat<L>(-3.0e38f);
    int64_t key = 0;
    for (; key + kBlock <= args.num_tokens; key += kBlock) {
      Floats<L> acc[kBlock];
      ScoreBlock<L, D, kBlock>(acc, args, t, buffers, key, q0);
      for (int j = 0; j < kBlock; ++j) {
        Store<L>(prob_NL + (key + j) * L, acc[j]);
        max = Max<L>(max, acc[j]);
      }
    }
    for (; key < args.num_tokens; ++key) {
      Floats<L> acc[1];
      ScoreBlock<L, D, 1>(acc, args, t, buffers, key, q0);
      Store<L>(prob_NL + key * L, acc[0]);
      max = Max<L>(max, acc[0]);
    }
    return max;
  }

  // Turns scores into unnormalised probabilities (dropped ones into 0); returns their sum
  // before dropout.
  template <typename TaskType>
  SAP_INLINE Floats<L> Softmax(Floats<L> max, const TaskType&, int64_t q0) {
    Floats<L> sum = {};
    const Words<L> hash = LoadWords<L>(buffers.row_hash + q0);
    for (int64_t key = 0; key < args.num_tokens; ++key) {
      Floats<L> p = Exp<L>(Load<L>(prob_NL + key * L) - max);
      sum += p;
      if (args.drop_below > 0) p *= DropFactor<L>(args, hash, key);
      Store<L>(prob_NL + key * L, p);
    }
    return sum;
  }

  SAP_INLINE void WeightedValues(Floats<L> inverse_sum) {
    WeightedSum<L, D>(prob_NL, buffers.v_Nd, args.num_tokens, out_dL);
    for (int e = 0; e < D; ++e) Store<L>(out_dL + e * L, Load<L>(out_dL + e * L) * inverse_sum);
  }

  const AttentionArgs& args;
  TaskBuffers buffers;
  float* prob_NL;
  float* out_dL;
};

}  // namespace sap::nn::SAP_KERNEL_ISA
