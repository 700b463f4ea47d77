// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nn/kernels/kernel_table.h"
#include "nn/kernels/simd.h"

namespace sap::nn::SAP_KERNEL_ISA {

inline constexpr int kPoints = 64;

// Where a tile of 2x2x2 outputs lies: its first voxel, and the voxels around it.
struct TilePlace {
  TilePlace(const WinogradArgs& args, int64_t tile) : size(args.size) {
    origin[2] = tile % args.num_tiles[2] * 2;
    tile /= args.num_tiles[2];
    origin[1] = tile % args.num_tiles[1] * 2;
    tile /= args.num_tiles[1];
    origin[0] = tile % args.num_tiles[0] * 2;
    sample = tile / args.num_tiles[0];
  }

  int64_t Voxel(int64_t x, int64_t y, int64_t z) const {
    const bool inside = x >= 0 && x < size[0] && y >= 0 && y < size[1] && z >= 0 && z < size[2];
    return inside ? ((sample * size[0] + x) * size[1] + y) * size[2] + z : -1;
  }

  // Channel rows of kEdge^3 voxels from origin + kOffset; outside the volume: `zeros`.
  template <int kEdge, int kOffset>
  void Rows(const float* volume, int64_t channels, const float* zeros, const float** rows) const {
    for (int i = 0; i < kEdge * kEdge * kEdge; ++i) {
      const int64_t voxel = Voxel(origin[0] + kOffset + i / (kEdge * kEdge),
                                  origin[1] + kOffset + i / kEdge % kEdge,
                                  origin[2] + kOffset + i % kEdge);
      rows[i] = voxel < 0 ? zeros : volume + voxel * channels;
    }
  }

  // The 16 rows of each of `planes` z planes that start one voxel before the tile.
  void PlaneRows(const float* volume,
                 int64_t channels,
                 const float* zeros,
                 int64_t planes,
                 const float** rows) const {
    for (int64_t i = 0; i < planes * 16; ++i) {
      const int64_t voxel =
          Voxel(origin[0] - 1 + i % 16 / 4, origin[1] - 1 + i % 4, origin[2] - 1 + i / 16);
      rows[i] = voxel < 0 ? zeros : volume + voxel * channels;
    }
  }

  // Null for an output beyond the end of an odd axis.
  void OutputRows(float* volume, int64_t channels, float** rows) const {
    for (int i = 0; i < 8; ++i) {
      const int64_t voxel = Voxel(origin[0] + i / 4, origin[1] + i / 2 % 2, origin[2] + i % 2);
      rows[i] = voxel < 0 ? nullptr : volume + voxel * channels;
    }
  }

  const int64_t* size;
  int64_t origin[3];
  int64_t sample;
};

// Calls Transform<L>::Run for vectors that cover `channels` >= 4; the last one overlaps its
// neighbour where L does not divide them, and computes the same values again.
template <int L, template <int> typename Transform, typename Row>
SAP_INLINE void EachVector(int64_t channels, Row* const* rows, float* planes, int64_t stride) {
  if constexpr (L > 4) {
    if (channels < L) {
      EachVector<L / 2, Transform, Row>(channels, rows, planes, stride);
      return;
    }
  }
  for (int64_t c = 0; c < channels; c += L) {
    const int64_t at = c + L <= channels ? c : channels - L;
    Transform<L>::Run(rows, at, planes, stride);
  }
}

// One axis of the input transform B^T.
template <int L>
SAP_INLINE void InputAxis(const Floats<L> (&d)[4], Floats<L> (&v)[4]) {
  v[0] = d[0] - d[2];
  v[1] = d[1] + d[2];
  v[2] = d[2] - d[1];
  v[3] = d[1] - d[3];
}

// One z plane of 4x4 voxels through the transform of x and y.
template <int L>
SAP_INLINE void InputPlane(const float* const* rows, int64_t c, Floats<L> (&plane)[16]) {
  Floats<L> u[4][4];
#pragma GCC unroll 4
  for (int x = 0; x < 4; ++x) {
    const Floats<L> d[4] = {Load<L>(rows[x * 4] + c),
                            Load<L>(rows[x * 4 + 1] + c),
                            Load<L>(rows[x * 4 + 2] + c),
                            Load<L>(rows[x * 4 + 3] + c)};
    InputAxis<L>(d, u[x]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const Floats<L> d[4] = {u[0][j], u[1][j], u[2][j], u[3][j]};
    Floats<L> v[4];
    InputAxis<L>(d, v);
    for (int i = 0; i < 4; ++i) plane[i * 4 + j] = v[i];
  }
}

// The input transform of `count` tiles that follow each other along z. Neighbours share two of
// their four planes, so each plane passes x and y once. rows: 16 for each of 2 * count + 2 planes.
template <int L>
void InputLine(const float* const* rows,
               int64_t channels,
               int64_t count,
               float* planes,
               int64_t tile_step,
               int64_t stride) {
  if constexpr (L > 4) {
    if (channels < L) {
      InputLine<L / 2>(rows, channels, count, planes, tile_step, stride);
      return;
    }
  }
  for (int64_t start = 0; start < channels; start += L) {
    const int64_t c = start + L <= channels ? start : channels - L;
    Floats<L> pair[2][2][16];
    InputPlane<L>(rows, c, pair[0][0]);
    InputPlane<L>(rows + 16, c, pair[0][1]);
    for (int64_t tile = 0; tile < count; ++tile) {
      const auto& near = pair[tile % 2];
      auto& far = pair[1 - tile % 2];
      InputPlane<L>(rows + (tile * 2 + 2) * 16, c, far[0]);
      InputPlane<L>(rows + (tile * 2 + 3) * 16, c, far[1]);
      float* to = planes + tile * tile_step + c;
      for (int xy = 0; xy < 16; ++xy, to += 4 * stride) {
        const Floats<L> d[4] = {near[0][xy], near[1][xy], far[0][xy], far[1][xy]};
        Floats<L> v[4];
        InputAxis<L>(d, v);
#pragma GCC unroll 4
        for (int k = 0; k < 4; ++k) Store<L>(to + k * stride, v[k]);
      }
    }
  }
}

// One axis of the output transform A^T.
template <int L>
SAP_INLINE void OutputAxis(
    Floats<L> m0, Floats<L> m1, Floats<L> m2, Floats<L> m3, Floats<L>* y0, Floats<L>* y1) {
  *y0 = m0 + m1 + m2;
  *y1 = m1 - m2 - m3;
}

template <int L>
struct OutputTile {
  static void Run(float* const* rows, int64_t c, float* planes, int64_t stride) {
    Floats<L> s[4][4];  // [output x, y][point z]
    for (int k = 0; k < 4; ++k) {
      Floats<L> t[2][4];
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) {
        const float* m = planes + (j * 4 + k) * stride + c;
        OutputAxis<L>(Load<L>(m),
                      Load<L>(m + 16 * stride),
                      Load<L>(m + 32 * stride),
                      Load<L>(m + 48 * stride),
                      &t[0][j],
                      &t[1][j]);
      }
      OutputAxis<L>(t[0][0], t[0][1], t[0][2], t[0][3], &s[0][k], &s[1][k]);
      OutputAxis<L>(t[1][0], t[1][1], t[1][2], t[1][3], &s[2][k], &s[3][k]);
    }
    for (int xy = 0; xy < 4; ++xy) {
      Floats<L> y0, y1;
      OutputAxis<L>(s[xy][0], s[xy][1], s[xy][2], s[xy][3], &y0, &y1);
      if (rows[xy * 2] != nullptr) Store<L>(rows[xy * 2] + c, y0);
      if (rows[xy * 2 + 1] != nullptr) Store<L>(rows[xy * 2 + 1] + c, y1);
    }
  }
};

// One axis of A, which brings the gradient of the outputs to the points.
template <int L>
SAP_INLINE void GradAxis(Floats<L> y0, Floats<L> y1, Floats<L> (&m)[4]) {
  m[0] = y0;
  m[1] = y0 + y1;
  m[2] = y0 - y1;
  m[3] = -y1;
}

template <int L>
struct GradTile {
  static void Run(const float* const* rows, int64_t c, float* planes, int64_t stride) {
    Floats<L> t[4][4];  // [output x, y][point z]
    for (int xy = 0; xy < 4; ++xy) {
      GradAxis<L>(Load<L>(rows[xy * 2] + c), Load<L>(rows[xy * 2 + 1] + c), t[xy]);
    }
    for (int k = 0; k < 4; ++k) {
      Floats<L> u[2][4];
      GradAxis<L>(t[0][k], t[1][k], u[0]);
      GradAxis<L>(t[2][k], t[3][k], u[1]);
      for (int j = 0; j < 4; ++j) {
        Floats<L> m[4];
        GradAxis<L>(u[0][j], u[1][j], m);
        for (int i = 0; i < 4; ++i) Store<L>(planes + ((i * 4 + j) * 4 + k) * stride + c, m[i]);
      }
    }
  }
};

}  // namespace sap::nn::SAP_KERNEL_ISA
