// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Vectors of L floats by GCC's vector extension. Everything below lives in a namespace named
// after the instruction set (SAP_KERNEL_ISA, set by the including source file), because two
// sources compiled with different flags must not share one inline function.
// These headers include no C++ library template for the same reason.

#define SAP_INLINE [[gnu::always_inline]] inline

namespace sap::nn::SAP_KERNEL_ISA {

using Bf16 = uint16_t;  // bfloat16 as its bits: the upper half of a float32

template <int L>
struct Simd {
  typedef float F __attribute__((vector_size(L * 4)));
  typedef int32_t I __attribute__((vector_size(L * 4)));
  typedef uint32_t U __attribute__((vector_size(L * 4)));
  typedef uint16_t H __attribute__((vector_size(L * 2)));
};

template <int L>
using Floats = typename Simd<L>::F;
template <int L>
using Ints = typename Simd<L>::I;
template <int L>
using Words = typename Simd<L>::U;

template <int L>
SAP_INLINE Floats<L> Splat(float value) {
  return Floats<L>{} + value;
}

template <int L>
SAP_INLINE Floats<L> Load(const float* from) {
  Floats<L> v;
  __builtin_memcpy(&v, from, sizeof(v));
  return v;
}
template <int L>
SAP_INLINE Floats<L> Load(const Bf16* from) {
  typename Simd<L>::H half;
  __builtin_memcpy(&half, from, sizeof(half));
  return (Floats<L>)(__builtin_convertvector(half, Words<L>) << 16);
}

template <int L>
SAP_INLINE void Store(float* to, Floats<L> v) {
  __builtin_memcpy(to, &v, sizeof(v));
}
// Rounds to nearest even; a NaN stays a NaN (plain rounding would carry it into -0).
template <int L>
SAP_INLINE void Store(Bf16* to, Floats<L> v) {
  const Words<L> bits = (Words<L>)v;
  const Words<L> rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
  const Words<L> safe = v != v ? Words<L>{} + 0x7fc00000u : rounded;
  const typename Simd<L>::H half = __builtin_convertvector(safe >> 16, typename Simd<L>::H);
  __builtin_memcpy(to, &half, sizeof(half));
}

SAP_INLINE float ToFloat(float v) {
  return v;
}
SAP_INLINE float ToFloat(Bf16 v) {
  const uint32_t bits = static_cast<uint32_t>(v) << 16;
  float f;
  __builtin_memcpy(&f, &bits, sizeof(f));
  return f;
}
SAP_INLINE void FromFloat(float v, float* to) {
  *to = v;
}
SAP_INLINE void FromFloat(float v, Bf16* to) {
  uint32_t bits;
  __builtin_memcpy(&bits, &v, sizeof(bits));
  *to = v != v ? 0x7fc0 : static_cast<Bf16>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

template <int L>
SAP_INLINE Floats<L> Max(Floats<L> a, Floats<L> b) {
  return a > b ? a : b;
}

// exp(x) for x <= 88, relative error 2e-7; below -87 it stays at exp(-87).
template <int L>
SAP_INLINE Floats<L> Exp(Floats<L> x) {
  x = Max<L>(x, Splat<L>(-87.0f));
  const float to_integer = 12582912.0f;  // 1.5 * 2^23: adding it rounds to the nearest integer
  const Floats<L> n = (x * 1.44269504088896341f + to_integer) - to_integer;
  Floats<L> r = x - n * 0.693359375f;
  r = r - n * -2.12194440e-4f;
  Floats<L> p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  p = p * (r * r) + r + 1.0f;
  const Ints<L> exponent = __builtin_convertvector(n, Ints<L>) << 23;
  return (Floats<L>)((Ints<L>)p + exponent);
}

}  // namespace sap::nn::SAP_KERNEL_ISA
