// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/window.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Region of one coordinate after the roll: away from the seam, before it, behind it (§1.4).
// An axis that is not shifted has one region, labelled 2 as in MONAI.
int RegionOnAxis(int64_t coordinate, int64_t padded, int64_t window, int64_t shift) {
  if (shift == 0 || coordinate >= padded - shift) return 2;
  return coordinate >= padded - window ? 1 : 0;
}

// A window token's place in the padded, rolled grid. Windows are row-major over the window grid,
// tokens row-major inside the window.
XyzInt RolledPosition(const WindowGeometry& g, int64_t window, int64_t token) {
  const XyzInt counts = g.WindowCounts();
  const XyzInt w = {
      window / (counts.y * counts.z), window / counts.z % counts.y, window % counts.z};
  const XyzInt t = {
      token / (g.window.y * g.window.z), token / g.window.z % g.window.y, token % g.window.z};
  return {w.x * g.window.x + t.x, w.y * g.window.y + t.y, w.z * g.window.z + t.z};
}

// Where a window token comes from: its grid row, or -1 for padding, and its region label.
struct TokenOrigin {
  int64_t row = 0;
  int32_t region = 0;
};

TokenOrigin OriginOf(const WindowGeometry& g, int64_t window, int64_t token) {
  const XyzInt rolled = RolledPosition(g, window, token);
  TokenOrigin origin;
  for (std::size_t a = 0; a < 3; ++a) {
    const int64_t from = (rolled[a] + g.shift[a]) % g.padded[a];
    const bool is_padding = from >= g.grid[a] || origin.row < 0;
    origin.row = is_padding ? -1 : origin.row * g.grid[a] + from;
    origin.region =
        origin.region * 3 + RegionOnAxis(rolled[a], g.padded[a], g.window[a], g.shift[a]);
  }
  return origin;
}

// Copies whole rows on the CPU; index_select there copies slice by slice through an iterator.
void CopyRowsCpu(const Tensor& x_BRE, const int64_t* source, const Tensor& out_BSE) {
  const int64_t num_in = x_BRE.size(1);
  const int64_t num_out = out_BSE.size(1);
  const std::size_t row_bytes = static_cast<std::size_t>(x_BRE.size(2) * x_BRE.element_size());
  const auto* in = static_cast<const std::byte*>(x_BRE.const_data_ptr());
  auto* out = static_cast<std::byte*>(out_BSE.mutable_data_ptr());
  ParallelFor(x_BRE.size(0) * num_out, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = source[i % num_out];
      if (row < 0) continue;
      const int64_t from = i / num_out * num_in + row;
      std::memcpy(out + static_cast<std::size_t>(i) * row_bytes,
                  in + static_cast<std::size_t>(from) * row_bytes,
                  row_bytes);
    }
  });
}

// out[b, s] = x[b, source[s]]; rows with source -1 are left unset.
Tensor GatherRows(const Tensor& x_BRE, const Tensor& source_S) {
  const Tensor x = x_BRE.contiguous();
  if (!x.is_cpu()) return x.index_select(1, source_S.clamp_min(0));
  Tensor out = at::empty({x.size(0), source_S.size(0), x.size(2)}, x.options());
  CopyRowsCpu(x, source_S.const_data_ptr<int64_t>(), out);
  return out;
}

// Saved as plain data: the maps are constants, not part of the graph.
void SaveMap(AutogradContext* ctx, const WindowMap& map) {
  ctx->saved_data["source"] = map.source_WN;
  ctx->saved_data["target"] = map.target_V;
  ctx->saved_data["padding"] = map.padding_P;
}

class Partition : public torch::autograd::Function<Partition> {
 public:
  static Tensor forward(AutogradContext* ctx,
                        const Tensor& x_BVE,
                        const Tensor& padding_E,
                        const WindowMap& map) {
    SaveMap(ctx, map);
    Tensor out_BSE = GatherRows(x_BVE, map.source_WN);
    if (map.padding_P.numel() > 0) {
      out_BSE.index_put_({at::indexing::Slice(), map.padding_P}, padding_E);
    }
    return out_BSE;
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const Tensor padding_P = ctx->saved_data["padding"].toTensor();
    Tensor grad_padding_E;
    if (ctx->needs_input_grad(1)) {
      grad_padding_E = grads[0].index_select(1, padding_P).sum(at::IntArrayRef({0, 1}));
    }
    return {GatherRows(grads[0], ctx->saved_data["target"].toTensor()), grad_padding_E, Tensor()};
  }
};

class Reverse : public torch::autograd::Function<Reverse> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x_BSE, const WindowMap& map) {
    SaveMap(ctx, map);
    return GatherRows(x_BSE, map.target_V);
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    Tensor grad_BSE = GatherRows(grads[0], ctx->saved_data["source"].toTensor());
    const Tensor padding_P = ctx->saved_data["padding"].toTensor();
    if (padding_P.numel() > 0) grad_BSE.index_fill_(1, padding_P, 0.0);
    return {grad_BSE, Tensor()};
  }
};

}  // namespace

WindowGeometry PlanWindows(const XyzInt& grid, bool shifted) {
  WindowGeometry g;
  g.grid = grid;
  for (std::size_t a = 0; a < 3; ++a) {
    SAP_CHECK(grid[a] > 0, "empty token grid {}", grid);
    g.window[a] = std::min(grid[a], kWindowEdge);
    g.shift[a] = shifted && grid[a] > kWindowEdge ? kWindowShift : 0;
    g.padded[a] = (grid[a] + g.window[a] - 1) / g.window[a] * g.window[a];
  }
  return g;
}

WindowMap BuildWindowMap(const WindowGeometry& g, const c10::Device& device) {
  // A map made inside inference mode must still serve training later.
  const c10::InferenceMode normal_tensors(false);
  const int64_t num_windows = g.NumWindows();
  const int64_t num_tokens = g.TokensPerWindow();
  std::vector<int64_t> source(static_cast<std::size_t>(num_windows * num_tokens));
  std::vector<int64_t> target(static_cast<std::size_t>(g.grid.Product()));
  std::vector<int64_t> padding;
  std::vector<int32_t> region(source.size());
  for (int64_t s = 0; s < num_windows * num_tokens; ++s) {
    const TokenOrigin origin = OriginOf(g, s / num_tokens, s % num_tokens);
    source[static_cast<std::size_t>(s)] = origin.row;
    region[static_cast<std::size_t>(s)] = origin.region;
    if (origin.row < 0) {
      padding.push_back(s);
    } else {
      target[static_cast<std::size_t>(origin.row)] = s;
    }
  }
  WindowMap map;
  map.geometry = g;
  map.source_WN = at::tensor(source, at::kLong).to(device);
  map.target_V = at::tensor(target, at::kLong).to(device);
  map.padding_P = at::tensor(padding, at::kLong).to(device);
  if (g.IsShifted()) {
    map.region_WN = at::tensor(region, at::kInt).view({num_windows, num_tokens}).to(device);
  }
  if (!padding.empty()) {
    map.padding_WN = map.source_WN.view({num_windows, num_tokens}).lt(0).to(at::kByte);
  }
  return map;
}

std::shared_ptr<const WindowMap> WindowMapCache::Get(const XyzInt& grid,
                                                     bool shifted,
                                                     const c10::Device& device) {
  const Key key = {
      grid.x, grid.y, grid.z, shifted, static_cast<int>(device.type()), device.index()};
  const std::lock_guard<std::mutex> lock(mutex_);
  std::shared_ptr<const WindowMap>& map = maps_[key];
  if (!map) map = std::make_shared<WindowMap>(BuildWindowMap(PlanWindows(grid, shifted), device));
  return map;
}

Tensor PartitionWindows(const Tensor& x_BVE, const Tensor& padding_E, const WindowMap& map) {
  SAP_CHECK(
      x_BVE.dim() == 3 && x_BVE.size(1) == map.geometry.grid.Product(), "{}", ShapeString(x_BVE));
  const Tensor out_BSE = Partition::apply(x_BVE, padding_E, map);
  return out_BSE.view({-1, map.geometry.TokensPerWindow(), x_BVE.size(2)});
}

Tensor ReverseWindows(const Tensor& x_MNE, const WindowMap& map) {
  const int64_t tokens = map.geometry.NumWindows() * map.geometry.TokensPerWindow();
  return Reverse::apply(x_MNE.reshape({-1, tokens, x_MNE.size(2)}), map);
}

}  // namespace sap::nn
