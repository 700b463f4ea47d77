// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

// Plain-pointer interface between the autograd functions (compiled for any CPU) and the kernels
// (compiled once per instruction set). Legend: M windows, N tokens, h heads, d per head,
// S voxels of one sample, C channels.

namespace sap::nn {

struct AttentionArgs {
  bool is_bf16 = false;                 // of every void* below
  const void* qkv_MNE = nullptr;        // [M, N, 3 * h * d]
  const float* bias_hNN = nullptr;      // [h, key, padded query]
  const int32_t* region_WN = nullptr;   // null without shift
  const uint8_t* padding_WN = nullptr;  // null without padding
  int64_t num_windows = 0;
  int64_t num_tokens = 0;
  int64_t num_padded = 0;  // num_tokens rounded up to kQueryPad
  int64_t num_heads = 0;
  int64_t head_dim = 0;
  int64_t num_region_windows = 1;
  int64_t num_padding_windows = 1;
  uint32_t drop_below = 0;  // a pair whose hash is below is dropped
  float keep_scale = 1.0f;  // 1 / (1 - p)
  uint64_t dropout_seed = 0;
  void* out_MNE = nullptr;   // [M, N, h * d]
  float* lse_MhN = nullptr;  // [M, h, N] logarithm of the softmax denominator
  const void* grad_out_MNE = nullptr;
  void* grad_qkv_MNE = nullptr;
  float* grad_bias_NN = nullptr;  // [key, padded query] of one head, added into
};
inline constexpr int64_t kQueryPad = 16;

// One sample of a channels-last tensor, rows of C values.
struct NormArgs {
  bool is_bf16 = false;
  const void* x_SC = nullptr;         // forward: input; backward: the saved output y
  const void* residual_SC = nullptr;  // or null
  const void* grad_SC = nullptr;      // backward only
  int64_t num_channels = 0;
  float slope = 1.0f;
  const float* shift_C = nullptr;   // forward: subtracted before summing
  const float* scale_C = nullptr;   // forward: rstd; backward: rstd
  const float* offset_C = nullptr;  // forward: mean; backward: mean of g
  const float* slant_C = nullptr;   // backward: mean of g * xhat
  void* out_SC = nullptr;           // y, or the gradient of x
  void* grad_residual_SC = nullptr;
};

// Winograd F(2x2x2, 3x3x3): 64 products per tile of 2x2x2 outputs instead of 216.
struct WinogradArgs {
  const float* first = nullptr;   // [B, X, Y, Z, first_channels]
  const float* second = nullptr;  // [B, X, Y, Z, second_channels] or null
  int64_t first_channels = 0;
  int64_t second_channels = 0;
  int64_t size[3] = {0, 0, 0};
  int64_t num_tiles[3] = {0, 0, 0};
  int64_t out_channels = 0;
  int64_t out_padded = 0;         // out_channels rounded up to a vector
  const float* weight = nullptr;  // forward: [64, in, out_padded] as winograd_pack left it
  float* out = nullptr;           // forward: [B, X, Y, Z, out_channels]
  const float* grad = nullptr;    // weight gradient: [B, X, Y, Z, out_channels]
  float* grad_weight = nullptr;   // weight gradient: [64, in, out_padded], added into
};

struct KernelTable {
  const char* name;
  int lanes;
  // Tasks are head * M + window; scratch_bytes(args) bytes of scratch, 64-byte aligned.
  int64_t (*attention_scratch)(const AttentionArgs&, bool backward);
  void (*attention_forward)(const AttentionArgs&, int64_t begin, int64_t end, float* scratch);
  void (*attention_backward)(const AttentionArgs&, int64_t begin, int64_t end, float* scratch);
  // Rows [begin, end); sums are written, not added.
  void (*norm_sums)(const NormArgs&, int64_t begin, int64_t end, double* sum_C, double* square_C);
  void (*norm_apply)(const NormArgs&, int64_t begin, int64_t end);
  void (*norm_grad_sums)(const NormArgs&, int64_t begin, int64_t end, double* g_C, double* gx_C);
  void (*norm_grad_apply)(const NormArgs&, int64_t begin, int64_t end);
  // Tiles [begin, end) of the batch's tile grid.
  int64_t (*winograd_scratch)(const WinogradArgs&);
  // args.weight of points [begin, end) in the order that winograd_forward reads.
  void (*winograd_pack)(const WinogradArgs&, int64_t begin, int64_t end, float* to);
  void (*winograd_forward)(const WinogradArgs&, int64_t begin, int64_t end, float* scratch);
  void (*winograd_weight_grad)(const WinogradArgs&, int64_t begin, int64_t end, float* scratch);
};

const KernelTable& BaselineKernels();
const KernelTable& Avx2Kernels();
const KernelTable& Avx512Kernels();
const KernelTable& Avx2WideKernels();  // 16 lanes on AVX2: the AVX-512 logic, for tests

// The fastest table that this CPU can run; a test may put another in its place.
const KernelTable& ActiveKernels();
void SetKernelsForTest(const KernelTable* table);

}  // namespace sap::nn
