// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/merge_stations.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::preprocess {
namespace {

struct Span {
  double low = 1e30;
  double high = -1e30;
};

// Extent of another grid's outer faces along axis a of `grid`, in voxels of `grid`.
Span ExtentVox(const Geometry& grid, const Geometry& other, std::size_t a) {
  Span span;
  for (int corner = 0; corner < 8; ++corner) {
    XyzDouble at_vox;
    for (std::size_t b = 0; b < 3; ++b) {
      const bool far = ((corner >> b) & 1) != 0;
      at_vox[b] = far ? static_cast<double>(other.size_vox[b]) - 0.5 : -0.5;
    }
    const double here = grid.VoxFromLps(other.LpsFromVox(at_vox))[a];
    span.low = std::min(span.low, here);
    span.high = std::max(span.high, here);
  }
  return span;
}

// One station as the inner loop sees it.
struct Source {
  Tensor image_XYZ;  // float32
  Tensor mask_XYZ;   // bool
  const float* image = nullptr;
  const bool* mask = nullptr;
  XyzInt size_vox;
  XyzDouble first_vox;                // of grid voxel 0, 0, 0
  std::array<XyzDouble, 3> step_vox;  // per grid voxel along x, y, z
  double ramp_low_vox = 0;            // length shared with the neighbour below; 0 = none
  double ramp_high_vox = 0;
};

Source MakeSource(const MergeInput& station, const Geometry& grid, const RigidMap& map) {
  Source s;
  s.image_XYZ = station.image.data().contiguous();
  s.mask_XYZ = station.mask_XYZ.to(at::kBool).contiguous();
  s.image = s.image_XYZ.const_data_ptr<float>();
  s.mask = s.mask_XYZ.const_data_ptr<bool>();
  const Geometry& own = station.image.geometry();
  s.size_vox = own.size_vox;
  const auto source_vox = [&](const XyzDouble& grid_vox) {
    return own.VoxFromLps(map.Apply(grid.LpsFromVox(grid_vox)));
  };
  s.first_vox = source_vox({0, 0, 0});
  for (std::size_t t = 0; t < 3; ++t) {
    XyzDouble unit;
    unit[t] = 1;
    const XyzDouble end_vox = source_vox(unit);
    for (std::size_t a = 0; a < 3; ++a) s.step_vox[t][a] = end_vox[a] - s.first_vox[a];
  }
  return s;
}

void SetRamps(std::vector<Source>& sources, const std::vector<MergeInput>& stations) {
  for (std::size_t i = 0; i + 1 < sources.size(); ++i) {
    const Geometry& lower = stations[i].image.geometry();
    const Geometry& upper = stations[i + 1].image.geometry();
    const double in_lower =
        static_cast<double>(lower.size_vox.z) - 0.5 - ExtentVox(lower, upper, 2).low;
    const double in_upper = ExtentVox(upper, lower, 2).high + 0.5;
    sources[i].ramp_high_vox = std::max(in_lower, 0.0);
    sources[i + 1].ramp_low_vox = std::max(in_upper, 0.0);
  }
}

struct Sample {
  double signal = 0;   // interpolated image * mask
  double covered = 0;  // interpolated mask
};

// The voxel below a position on one axis, how far to its neighbour, and the share of that one.
struct AxisCell {
  int64_t low = 0;
  int64_t to_high = 0;
  double frac = 0;
};

inline AxisCell CellOf(double at_vox, int64_t size_vox, int64_t stride) {
  const double at = std::clamp(at_vox, 0.0, static_cast<double>(size_vox - 1));
  const auto low = static_cast<int64_t>(at);
  return {low, low + 1 < size_vox ? stride : 0, at - static_cast<double>(low)};
}

inline Sample SampleAt(const Source& s, const XyzDouble& v) {
  const int64_t stride_x = s.size_vox.y * s.size_vox.z;
  const AxisCell x = CellOf(v.x, s.size_vox.x, stride_x);
  const AxisCell y = CellOf(v.y, s.size_vox.y, s.size_vox.z);
  const AxisCell z = CellOf(v.z, s.size_vox.z, 1);
  const int64_t first = x.low * stride_x + y.low * s.size_vox.z + z.low;
  std::array<int64_t, 8> at{};
  int inside = 0;
  for (unsigned corner = 0; corner < 8; ++corner) {
    at[corner] = first + ((corner & 4U) != 0 ? x.to_high : 0) +
                 ((corner & 2U) != 0 ? y.to_high : 0) + ((corner & 1U) != 0 ? z.to_high : 0);
    inside += s.mask[at[corner]] ? 1 : 0;
  }
  if (inside == 0) return {};  // air: most of the grid
  Sample sample;
  for (unsigned corner = 0; corner < 8; ++corner) {
    if (!s.mask[at[corner]]) continue;
    const double weight = ((corner & 4U) != 0 ? x.frac : 1 - x.frac) *
                          ((corner & 2U) != 0 ? y.frac : 1 - y.frac) *
                          ((corner & 1U) != 0 ? z.frac : 1 - z.frac);
    sample.signal += weight * s.image[at[corner]];
    sample.covered += weight;
  }
  return sample;
}

bool Inside(const Source& s, const XyzDouble& v) {
  for (std::size_t a = 0; a < 3; ++a) {
    if (!(v[a] >= -0.5 && v[a] <= static_cast<double>(s.size_vox[a]) - 0.5)) return false;
  }
  return true;
}

// Falls from 1 to 0 between the outermost voxel centres of the two stations that overlap: beyond
// its last centre a station has no neighbour to interpolate with.
double RampOf(double from_last_centre_vox, double shared_vox) {
  return shared_vox > 0 ? from_last_centre_vox / std::max(shared_vox - 1.0, 0.5) : 1.0;
}

double Ramp(const Source& s, double z_vox) {
  const double from_high = static_cast<double>(s.size_vox.z - 1) - z_vox;
  const double ramp = std::min(RampOf(z_vox, s.ramp_low_vox), RampOf(from_high, s.ramp_high_vox));
  return std::clamp(ramp, 1e-6, 1.0);  // the last face still counts where nothing else does
}

XyzDouble Along(const XyzDouble& start_vox, const XyzDouble& step_vox, int64_t z) {
  const auto t = static_cast<double>(z);
  return {start_vox.x + t * step_vox.x, start_vox.y + t * step_vox.y, start_vox.z + t * step_vox.z};
}

struct Range {
  int64_t begin = 0;
  int64_t end = 0;
};

// The voxels of a row that lie inside a station; it is convex, so they are one range.
Range InsideRange(const Source& s, const XyzDouble& start_vox, int64_t size_z) {
  double begin = 0;
  double end = static_cast<double>(size_z);
  for (std::size_t a = 0; a < 3; ++a) {
    const double step = s.step_vox[2][a];
    if (std::abs(step) < 1e-12) continue;
    const double low = (-0.5 - start_vox[a]) / step;
    const double high = (static_cast<double>(s.size_vox[a]) - 0.5 - start_vox[a]) / step;
    begin = std::max(begin, std::min(low, high) - 1);
    end = std::min(end, std::max(low, high) + 2);
  }
  Range range{static_cast<int64_t>(begin), static_cast<int64_t>(std::max(end, begin))};
  // The quotients are rounded: the test itself has the last word.
  const auto inside = [&](int64_t z) { return Inside(s, Along(start_vox, s.step_vox[2], z)); };
  while (range.begin < range.end && !inside(range.begin)) ++range.begin;
  while (range.begin < range.end && !inside(range.end - 1)) --range.end;
  return range;
}

// Sums over the stations along one row of the grid.
struct RowSums {
  std::vector<double> signal;
  std::vector<double> weight;
  std::vector<double> most_covered;

  void Clear(std::size_t size_z) {
    signal.assign(size_z, 0.0);
    weight.assign(size_z, 0.0);
    most_covered.assign(size_z, 0.0);
  }
};

void AddStation(const Source& s, int64_t x, int64_t y, int64_t size_z, RowSums& sums) {
  const XyzDouble start_vox = Along(Along(s.first_vox, s.step_vox[0], x), s.step_vox[1], y);
  const Range range = InsideRange(s, start_vox, size_z);
  for (int64_t z = range.begin; z < range.end; ++z) {
    const XyzDouble v = Along(start_vox, s.step_vox[2], z);
    const Sample sample = SampleAt(s, v);
    if (sample.covered == 0) continue;
    const double ramp = Ramp(s, v.z);
    const auto i = static_cast<std::size_t>(z);
    sums.signal[i] += ramp * sample.signal;
    sums.weight[i] += ramp * sample.covered;
    sums.most_covered[i] = std::max(sums.most_covered[i], sample.covered);
  }
}

void MergeRow(const std::vector<Source>& sources,
              int64_t x,
              int64_t y,
              int64_t size_z,
              RowSums& sums,
              float* image,
              bool* body) {
  sums.Clear(static_cast<std::size_t>(size_z));
  for (const Source& s : sources) AddStation(s, x, y, size_z, sums);
  for (int64_t z = 0; z < size_z; ++z) {
    const auto i = static_cast<std::size_t>(z);
    body[z] = sums.most_covered[i] >= 0.5;
    image[z] = body[z] ? static_cast<float>(sums.signal[i] / sums.weight[i]) : 0.0F;
  }
}

}  // namespace

Geometry MergedGrid(const std::vector<Geometry>& stations, const XyzDouble& spacing_mm) {
  SAP_CHECK(!stations.empty());
  Geometry frame = stations[(stations.size() - 1) / 2];
  frame.spacing_mm = spacing_mm;
  XyzDouble first_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    Span span;
    for (const Geometry& station : stations) {
      const Span one = ExtentVox(frame, station, a);
      span.low = std::min(span.low, one.low);
      span.high = std::max(span.high, one.high);
    }
    frame.size_vox[a] =
        std::max<int64_t>(static_cast<int64_t>(std::ceil(span.high - span.low - 1e-3)), 1);
    first_vox[a] = span.low + 0.5;
  }
  frame.origin_mm = frame.LpsFromVox(first_vox);
  return frame;
}

Merged MergeStations(const std::vector<MergeInput>& stations,
                     const Geometry& grid,
                     const RigidMap& station_from_grid) {
  SAP_CHECK(!stations.empty());
  std::vector<Source> sources;
  for (const MergeInput& station : stations) {
    sources.push_back(MakeSource(station, grid, station_from_grid));
  }
  SetRamps(sources, stations);
  const XyzInt& size_vox = grid.size_vox;
  const Tensor image_XYZ = at::empty({size_vox.x, size_vox.y, size_vox.z}, at::kFloat);
  Tensor body_XYZ = at::empty(image_XYZ.sizes(), at::kBool);
  float* image = image_XYZ.mutable_data_ptr<float>();
  bool* body = body_XYZ.mutable_data_ptr<bool>();
  ParallelFor(size_vox.x * size_vox.y, 64, [&](int64_t begin, int64_t end) {
    RowSums sums;
    for (int64_t row = begin; row < end; ++row) {
      MergeRow(sources,
               row / size_vox.y,
               row % size_vox.y,
               size_vox.z,
               sums,
               image + row * size_vox.z,
               body + row * size_vox.z);
    }
  });
  return {{image_XYZ, grid}, body_XYZ};
}

std::vector<double> SeamsVox(const std::vector<Geometry>& stations, const Geometry& grid) {
  std::vector<double> seams;
  for (std::size_t i = 0; i + 1 < stations.size(); ++i) {
    seams.push_back(
        0.5 * (ExtentVox(grid, stations[i], 2).high + ExtentVox(grid, stations[i + 1], 2).low));
  }
  return seams;
}

}  // namespace sap::preprocess
