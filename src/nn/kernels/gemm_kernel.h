// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/simd.h"

namespace sap::nn::SAP_KERNEL_ISA {

// C[m][n] (+)= sum over k of A(m, k) * B[k][n]; A(m, k) = a[m * row_step + k * k_step].
struct GemmShape {
  int64_t k;
  int64_t a_row_step;
  int64_t a_k_step;
  int64_t b_stride;  // 0: B lies in panels of PanelVectors vectors, one after the other, because
                     // long rows of B would fall into few sets of the first-level cache
  int64_t c_stride;
  bool add;
};

// Columns that are computed together, in vectors, when `left` vectors are still to do.
SAP_INLINE int64_t PanelVectors(int64_t left) {
  return left == 3 || left == 5 ? 3 : left == 1 ? 1 : 2;
}

// kRows x kVectors accumulators stay in registers over the whole sum.
template <int L, int kRows, int kVectors>
SAP_INLINE void MicroKernel(const GemmShape& s, const float* a, const float* b, float* c) {
  Floats<L> acc[kRows][kVectors] = {};
  for (int64_t k = 0; k < s.k; ++k) {
    Floats<L> row[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) row[v] = Load<L>(b + v * L);
#pragma GCC unroll 16
    for (int m = 0; m < kRows; ++m) {
      const float scalar = a[m * s.a_row_step];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) acc[m][v] += row[v] * scalar;
    }
    a += s.a_k_step;
    b += s.b_stride;
  }
#pragma GCC unroll 16
  for (int m = 0; m < kRows; ++m) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      float* to = c + m * s.c_stride + v * L;
      Store<L>(to, s.add ? acc[m][v] + Load<L>(to) : acc[m][v]);
    }
  }
}

// All rows of kVectors columns: full blocks of kRows, then 4, 2 and 1.
template <int L, int kRows, int kVectors>
void GemmColumns(const GemmShape& s, int64_t rows, const float* a, const float* b, float* c) {
  int64_t m = 0;
  const auto block = [&]<int kBlock>() {
    for (; m + kBlock <= rows; m += kBlock) {
      MicroKernel<L, kBlock, kVectors>(s, a + m * s.a_row_step, b, c + m * s.c_stride);
    }
  };
  block.template operator()<kRows>();
  block.template operator()<4>();
  block.template operator()<2>();
  block.template operator()<1>();
}

// columns is a multiple of L. Accumulators that fit 16 registers, or 32 with AVX-512.
template <int L>
void Gemm(const GemmShape& shape,
          int64_t rows,
          int64_t columns,
          const float* a,
          const float* b,
          float* c) {
#ifdef __AVX512F__
  constexpr int kRows1 = 14, kRows2 = 12, kRows3 = 8;
#else
  constexpr int kRows1 = 8, kRows2 = 6, kRows3 = 4;
#endif
  GemmShape panel = shape;
  int64_t left = columns / L;
  while (left > 0) {
    const int64_t take = PanelVectors(left);
    if (shape.b_stride == 0) panel.b_stride = take * L;
    if (take == 3) GemmColumns<L, kRows3, 3>(panel, rows, a, b, c);
    if (take == 2) GemmColumns<L, kRows2, 2>(panel, rows, a, b, c);
    if (take == 1) GemmColumns<L, kRows1, 1>(panel, rows, a, b, c);
    left -= take;
    b += shape.b_stride == 0 ? shape.k * take * L : take * L;
    c += take * L;
  }
}

// Brings one [k][columns] matrix into panels.
template <int L>
void PackPanels(int64_t k, int64_t columns, const float* from, float* to) {
  int64_t left = columns / L;
  while (left > 0) {
    const int64_t width = PanelVectors(left) * L;
    for (int64_t i = 0; i < k; ++i) {
      for (int64_t j = 0; j < width; j += L) Store<L>(to + j, Load<L>(from + i * columns + j));
      to += width;
    }
    from += width;
    left -= width / L;
  }
}

}  // namespace sap::nn::SAP_KERNEL_ISA
