// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/kernel_table.h"
#include "nn/kernels/simd.h"

// InstanceNorm [+ residual] + LeakyReLU over the channels-last rows of one sample. The sample is
// read as a flat array with period P, the least common multiple of C and L, so that any channel
// count fills whole vectors; the values after the last whole period are done one by one.

namespace sap::nn::SAP_KERNEL_ISA {

SAP_INLINE int64_t Period(int64_t channels, int64_t lanes) {
  int64_t period = channels;
  while (period % lanes != 0) period += channels;
  return period;
}

// Values [begin, whole_end) are whole periods that start at channel 0.
struct FlatRange {
  FlatRange(const NormArgs& args, int64_t row_begin, int64_t row_end, int64_t lanes)
      : period(Period(args.num_channels, lanes)),
        begin(row_begin * args.num_channels),
        end(row_end * args.num_channels),
        whole_end(begin + (end - begin) / period * period) {}
  int64_t period;
  int64_t begin;
  int64_t end;
  int64_t whole_end;
};

// One vector (or one value) of the backward pass: g = dy * act'(z) and xhat = z - residual,
// where z is had from the saved output, because LeakyReLU with a positive slope is invertible.
template <int L>
struct GradPair {
  Floats<L> g;
  Floats<L> xhat;
};
template <typename T, int L>
SAP_INLINE GradPair<L> LoadGradPair(const NormArgs& a, int64_t at) {
  const Floats<L> y = Load<L>(static_cast<const T*>(a.x_SC) + at);
  const Floats<L> dy = Load<L>(static_cast<const T*>(a.grad_SC) + at);
  const auto positive = y > 0.0f;
  Floats<L> z = positive ? y : y * (1.0f / a.slope);
  if (a.residual_SC != nullptr) z -= Load<L>(static_cast<const T*>(a.residual_SC) + at);
  return {positive ? dy : dy * a.slope, z};
}
template <typename T>
SAP_INLINE void LoadGradPair(const NormArgs& a, int64_t at, float* g, float* xhat) {
  const float y = ToFloat(static_cast<const T*>(a.x_SC)[at]);
  const float dy = ToFloat(static_cast<const T*>(a.grad_SC)[at]);
  *g = y > 0.0f ? dy : dy * a.slope;
  *xhat = y > 0.0f ? y : y * (1.0f / a.slope);
  if (a.residual_SC != nullptr) *xhat -= ToFloat(static_cast<const T*>(a.residual_SC)[at]);
}

// The two terms that are summed per channel: (x - shift) and its square, or g and g * xhat.
template <typename T, int L, bool kBackward>
SAP_INLINE GradPair<L> Terms(const NormArgs& a, int64_t at, const float* shift) {
  if constexpr (kBackward) {
    const GradPair<L> p = LoadGradPair<T, L>(a, at);
    return {p.g, p.g * p.xhat};
  } else {
    const Floats<L> x = Load<L>(static_cast<const T*>(a.x_SC) + at) - Load<L>(shift);
    return {x, x * x};
  }
}

inline constexpr int64_t kMaxColumns = 64;  // vectors of one period that a stack buffer holds
inline constexpr int64_t kPeriodsPerFlush = 512;

// Sums B vectors of columns over `count` periods in float32; a block is short enough for that.
template <typename T, int L, int B, bool kBackward>
SAP_INLINE void SumColumns(const NormArgs& a,
                           int64_t at,
                           int64_t period,
                           int64_t count,
                           const float* shift,
                           float* sum,
                           float* square) {
  Floats<L> s[B] = {};
  Floats<L> q[B] = {};
  for (int64_t i = 0; i < count; ++i, at += period) {
#pragma GCC unroll 4
    for (int b = 0; b < B; ++b) {
      const GradPair<L> t = Terms<T, L, kBackward>(a, at + b * L, shift + b * L);
      s[b] += t.g;
      q[b] += t.xhat;
    }
  }
  for (int b = 0; b < B; ++b) {
    Store<L>(sum + b * L, s[b]);
    Store<L>(square + b * L, q[b]);
  }
}

// Sums of one stripe of at most kMaxColumns vectors that starts at column c0 of each period.
template <typename T, int L, bool kBackward>
void SumStripe(const NormArgs& a,
               const FlatRange& r,
               int64_t c0,
               int64_t width,
               double* sum_C,
               double* square_C) {
  float shift[kMaxColumns * L];
  float sum[kMaxColumns * L];
  float square[kMaxColumns * L];
  for (int64_t c = 0; c < width; ++c) {
    shift[c] = kBackward ? 0.0f : a.shift_C[(c0 + c) % a.num_channels];
  }
  const int64_t step = kPeriodsPerFlush * r.period;
  for (int64_t at = r.begin; at < r.whole_end; at += step) {
    const int64_t left = (r.whole_end - at) / r.period;
    const int64_t count = left < kPeriodsPerFlush ? left : kPeriodsPerFlush;
    int64_t c = 0;
    for (; c + 4 * L <= width; c += 4 * L) {
      SumColumns<T, L, 4, kBackward>(
          a, at + c0 + c, r.period, count, shift + c, sum + c, square + c);
    }
    for (; c < width; c += L) {
      SumColumns<T, L, 1, kBackward>(
          a, at + c0 + c, r.period, count, shift + c, sum + c, square + c);
    }
    for (c = 0; c < width; ++c) {
      sum_C[(c0 + c) % a.num_channels] += static_cast<double>(sum[c]);
      square_C[(c0 + c) % a.num_channels] += static_cast<double>(square[c]);
    }
  }
}

template <typename T, int L, bool kBackward>
void Sums(const NormArgs& a, int64_t row_begin, int64_t row_end, double* sum_C, double* square_C) {
  const FlatRange r(a, row_begin, row_end, L);
  for (int64_t c = 0; c < a.num_channels; ++c) sum_C[c] = square_C[c] = 0.0;
  const int64_t stripe = kMaxColumns * L;
  for (int64_t c0 = 0; c0 < r.period; c0 += stripe) {
    const int64_t width = r.period - c0 < stripe ? r.period - c0 : stripe;
    SumStripe<T, L, kBackward>(a, r, c0, width, sum_C, square_C);
  }
  for (int64_t at = r.whole_end; at < r.end; ++at) {
    const int64_t c = at % a.num_channels;
    float first, second;
    if constexpr (kBackward) {
      LoadGradPair<T>(a, at, &first, &second);
      second *= first;
    } else {
      first = ToFloat(static_cast<const T*>(a.x_SC)[at]) - a.shift_C[c];
      second = first * first;
    }
    sum_C[c] += static_cast<double>(first);
    square_C[c] += static_cast<double>(second);
  }
}

// Per-channel factors repeated to one period; a sample's rows are few enough per call.
template <typename T, int L>
void Apply(const NormArgs& a, const FlatRange& r, const float* scale, const float* mean) {
  const T* x = static_cast<const T*>(a.x_SC);
  const T* residual = static_cast<const T*>(a.residual_SC);
  T* out = static_cast<T*>(a.out_SC);
  for (int64_t at = r.begin; at < r.whole_end; at += r.period) {
    for (int64_t c = 0; c < r.period; c += L) {
      Floats<L> z = (Load<L>(x + at + c) - Load<L>(mean + c)) * Load<L>(scale + c);
      if (residual != nullptr) z += Load<L>(residual + at + c);
      Store<L>(out + at + c, z > 0.0f ? z : z * a.slope);
    }
  }
  for (int64_t at = r.whole_end; at < r.end; ++at) {
    float z = (ToFloat(x[at]) - mean[at - r.whole_end]) * scale[at - r.whole_end];
    if (residual != nullptr) z += ToFloat(residual[at]);
    FromFloat(z > 0.0f ? z : z * a.slope, out + at);
  }
}

template <typename T, int L>
void GradApply(const NormArgs& a,
               const FlatRange& r,
               const float* scale,
               const float* mean_g,
               const float* mean_gx) {
  T* out = static_cast<T*>(a.out_SC);
  T* grad_residual = static_cast<T*>(a.grad_residual_SC);
  for (int64_t at = r.begin; at < r.whole_end; at += r.period) {
    for (int64_t c = 0; c < r.period; c += L) {
      const GradPair<L> p = LoadGradPair<T, L>(a, at + c);
      const Floats<L> centred = p.g - Load<L>(mean_g + c) - p.xhat * Load<L>(mean_gx + c);
      Store<L>(out + at + c, centred * Load<L>(scale + c));
      if (grad_residual != nullptr) Store<L>(grad_residual + at + c, p.g);
    }
  }
  for (int64_t at = r.whole_end; at < r.end; ++at) {
    float g, xhat;
    LoadGradPair<T>(a, at, &g, &xhat);
    const int64_t c = at - r.whole_end;
    FromFloat((g - mean_g[c] - xhat * mean_gx[c]) * scale[c], out + at);
    if (grad_residual != nullptr) FromFloat(g, grad_residual + at);
  }
}

inline constexpr int64_t kMaxPeriod = 4096;

template <typename T, int L>
void ApplyRows(const NormArgs& a, int64_t begin, int64_t end, bool backward) {
  const FlatRange r(a, begin, end, L);
  float factors[3][kMaxPeriod];
  for (int64_t c = 0; c < r.period; ++c) {
    factors[0][c] = a.scale_C[c % a.num_channels];
    factors[1][c] = a.offset_C[c % a.num_channels];
    factors[2][c] = backward ? a.slant_C[c % a.num_channels] : 0.0f;
  }
  if (backward) {
    GradApply<T, L>(a, r, factors[0], factors[1], factors[2]);
  } else {
    Apply<T, L>(a, r, factors[0], factors[1]);
  }
}

template <int L>
void NormSums(const NormArgs& a, int64_t begin, int64_t end, double* sum_C, double* square_C) {
  if (a.is_bf16) return Sums<Bf16, L, false>(a, begin, end, sum_C, square_C);
  Sums<float, L, false>(a, begin, end, sum_C, square_C);
}
template <int L>
void NormGradSums(const NormArgs& a, int64_t begin, int64_t end, double* g_C, double* gx_C) {
  if (a.is_bf16) return Sums<Bf16, L, true>(a, begin, end, g_C, gx_C);
  Sums<float, L, true>(a, begin, end, g_C, gx_C);
}
template <int L>
void NormApply(const NormArgs& a, int64_t begin, int64_t end) {
  if (a.is_bf16) return ApplyRows<Bf16, L>(a, begin, end, /*backward=*/false);
  ApplyRows<float, L>(a, begin, end, /*backward=*/false);
}
template <int L>
void NormGradApply(const NormArgs& a, int64_t begin, int64_t end) {
  if (a.is_bf16) return ApplyRows<Bf16, L>(a, begin, end, /*backward=*/true);
  ApplyRows<float, L>(a, begin, end, /*backward=*/true);
}

}  // namespace sap::nn::SAP_KERNEL_ISA
