// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/gemm_kernel.h"
#include "nn/kernels/winograd_transforms.h"

// 3x3x3 convolution (stride 1, zero padding 1) of one or two channels-last sources by Winograd's
// F(2x2x2, 3x3x3) [Lavin and Gray 2016, in three dimensions]: a tile's 4x4x4 inputs are
// transformed to 64 points, each point is a product over channels, and 2x2x2 outputs come back.
// That is 8 multiplications per output instead of 27. Blocks of tiles keep the transformed
// values in the second-level cache; nothing transformed is ever stored whole.

namespace sap::nn::SAP_KERNEL_ISA {

inline constexpr int64_t kBlockTiles = 24;  // a multiple of every row block in gemm_kernel.h
inline constexpr int64_t kPointPad = 16;    // keeps the 64 planes off one cache set

// The values of a block of tiles at each of the 64 points: [64][kBlockTiles][channels].
struct PointPlanes {
  float* at;
  int64_t channels;
  int64_t stride() const { return kBlockTiles * channels + kPointPad; }
  int64_t count() const { return kPoints * stride(); }
  float* Row(int64_t tile) const { return at + tile * channels; }
};

struct WinogradBuffers {
  WinogradBuffers(const WinogradArgs& args, float* scratch)
      : inputs{scratch, args.first_channels + args.second_channels},
        outputs{scratch + inputs.count(), args.out_padded},
        zeros(scratch + inputs.count() + outputs.count()) {}
  PointPlanes inputs;
  PointPlanes outputs;
  float* zeros;  // a voxel outside the volume

  static int64_t ZeroCount(const WinogradArgs& args) {
    const int64_t in =
        args.first_channels > args.second_channels ? args.first_channels : args.second_channels;
    return in > args.out_channels ? in : args.out_channels;
  }
};

template <int L>
int64_t WinogradScratch(const WinogradArgs& args) {
  const WinogradBuffers b(args, nullptr);
  return 4 * (b.inputs.count() + b.outputs.count() + WinogradBuffers::ZeroCount(args)) + 64;
}

// Weights of points [begin, end) from [64, in, out_padded] to panels.
template <int L>
void WinogradPack(const WinogradArgs& args, int64_t begin, int64_t end, float* to) {
  const int64_t in = args.first_channels + args.second_channels;
  const int64_t count = in * args.out_padded;
  for (int64_t p = begin; p < end; ++p) {
    PackPanels<L>(in, args.out_padded, args.weight + p * count, to + p * count);
  }
}

template <int L>
void TransformInputs(const WinogradArgs& args,
                     const WinogradBuffers& b,
                     int64_t first_tile,
                     int64_t count) {
  const float* rows[(2 * kBlockTiles + 2) * 16];
  const int64_t all = b.inputs.channels;
  const int64_t stride = b.inputs.stride();
  for (int64_t i = 0; i < count;) {
    const TilePlace place(args, first_tile + i);
    const int64_t to_line_end = args.num_tiles[2] - place.origin[2] / 2;
    const int64_t n = count - i < to_line_end ? count - i : to_line_end;
    float* to = b.inputs.Row(i);
    place.PlaneRows(args.first, args.first_channels, b.zeros, 2 * n + 2, rows);
    InputLine<L>(rows, args.first_channels, n, to, all, stride);
    if (args.second != nullptr) {
      place.PlaneRows(args.second, args.second_channels, b.zeros, 2 * n + 2, rows);
      InputLine<L>(rows, args.second_channels, n, to + args.first_channels, all, stride);
    }
    i += n;
  }
}

template <int L>
void WinogradForward(const WinogradArgs& args, int64_t begin, int64_t end, float* scratch) {
  const WinogradBuffers b(args, scratch);
  for (int64_t i = 0; i < WinogradBuffers::ZeroCount(args); ++i) b.zeros[i] = 0.0f;
  const int64_t in = b.inputs.channels;
  const GemmShape shape{in, in, 1, /*b_stride=*/0, args.out_padded, /*add=*/false};
  for (int64_t tile = begin; tile < end; tile += kBlockTiles) {
    const int64_t count = end - tile < kBlockTiles ? end - tile : kBlockTiles;
    TransformInputs<L>(args, b, tile, count);
    for (int p = 0; p < kPoints; ++p) {
      Gemm<L>(shape,
              count,
              args.out_padded,
              b.inputs.at + p * b.inputs.stride(),
              args.weight + p * in * args.out_padded,
              b.outputs.at + p * b.outputs.stride());
    }
    for (int64_t i = 0; i < count; ++i) {
      const TilePlace place(args, tile + i);
      float* rows[8];
      place.OutputRows(args.out, args.out_channels, rows);
      EachVector<L, OutputTile>(args.out_channels, rows, b.outputs.Row(i), b.outputs.stride());
    }
  }
}

template <int L>
void WinogradWeightGrad(const WinogradArgs& args, int64_t begin, int64_t end, float* scratch) {
  const WinogradBuffers b(args, scratch);
  for (int64_t i = 0; i < WinogradBuffers::ZeroCount(args); ++i) b.zeros[i] = 0.0f;
  for (int64_t i = 0; i < b.outputs.count(); ++i) b.outputs.at[i] = 0.0f;
  const int64_t in = b.inputs.channels;
  for (int64_t tile = begin; tile < end; tile += kBlockTiles) {
    const int64_t count = end - tile < kBlockTiles ? end - tile : kBlockTiles;
    TransformInputs<L>(args, b, tile, count);
    const float* rows[8];
    for (int64_t i = 0; i < count; ++i) {
      const TilePlace place(args, tile + i);
      place.Rows<2, 0>(args.grad, args.out_channels, b.zeros, rows);
      EachVector<L, GradTile>(args.out_channels, rows, b.outputs.Row(i), b.outputs.stride());
    }
    const GemmShape shape{count, 1, in, args.out_padded, args.out_padded, /*add=*/true};
    for (int p = 0; p < kPoints; ++p) {
      Gemm<L>(shape,
              in,
              args.out_padded,
              b.inputs.at + p * b.inputs.stride(),
              b.outputs.at + p * b.outputs.stride(),
              args.grad_weight + p * in * args.out_padded);
    }
  }
}

}  // namespace sap::nn::SAP_KERNEL_ISA
