// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <tuple>

#include <c10/core/Device.h>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"

// Cutting a grid of tokens into attention windows (swin_unetr §1.4).
// Shapes: B batch, X Y Z token grid, V = X*Y*Z, W windows of one sample, M = B*W with the window
// index fastest, N tokens of a window, E channels.
namespace sap::nn {

inline constexpr int64_t kWindowEdge = 7;       // tokens
inline constexpr int64_t kWindowShift = 3;      // tokens
inline constexpr double kMaskedScore = -100.0;  // finite: added to scores across the seam

// Sizes in tokens per axis. An axis of at most 7 tokens is one window and is never shifted;
// longer axes are padded at the high end to a multiple of 7.
struct WindowGeometry {
  XyzInt grid;
  XyzInt window;
  XyzInt shift;
  XyzInt padded;

  bool IsShifted() const { return shift.x > 0 || shift.y > 0 || shift.z > 0; }
  XyzInt WindowCounts() const {
    return {padded.x / window.x, padded.y / window.y, padded.z / window.z};
  }
  int64_t NumWindows() const { return WindowCounts().Product(); }
  int64_t TokensPerWindow() const { return window.Product(); }
};

// `shifted` asks for the half-window shift of odd blocks; §1.4 decides each axis by its length
// before padding.
WindowGeometry PlanWindows(const XyzInt& grid, bool shifted);

// Pad, cyclic shift and partition as one row map, and its inverse; all on one device.
struct WindowMap {
  WindowGeometry geometry;
  Tensor source_WN;  // int64 [W*N]: grid row of each window token, -1 for a padding token
  Tensor target_V;   // int64 [V]: window token of each grid row
  Tensor padding_P;  // int64: the window tokens that are padding
  // int32 [W, N]: tokens of one window with different labels are neighbours only because of the
  // cyclic shift. Absent when nothing is shifted.
  std::optional<Tensor> region_WN;
  std::optional<Tensor> padding_WN;  // uint8 [W, N]: 1 for padding. Absent where there is none.
};

WindowMap BuildWindowMap(const WindowGeometry& geometry, const c10::Device& device);

// Keeps the map of every (grid, shifted, device) it was asked for. Shared by the blocks of one
// encoder; safe to use from several threads.
class WindowMapCache {
 public:
  std::shared_ptr<const WindowMap> Get(const XyzInt& grid, bool shifted, const c10::Device& device);

 private:
  using Key = std::tuple<int64_t, int64_t, int64_t, bool, int, int>;
  std::mutex mutex_;
  std::map<Key, std::shared_ptr<const WindowMap>> maps_;
};

// x_BVE contiguous, any floating dtype -> [M, N, E]; every padding token becomes padding_E (one
// row of the same dtype). Differentiable in both: a row moves to exactly one place, so the
// backward pass is a gather too, in a fixed order.
Tensor PartitionWindows(const Tensor& x_BVE, const Tensor& padding_E, const WindowMap& map);

// The inverse: [M, N, E] -> [B, V, E]; padding tokens are dropped. Differentiable.
Tensor ReverseWindows(const Tensor& x_MNE, const WindowMap& map);

}  // namespace sap::nn
