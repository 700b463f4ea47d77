// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>

#include "sap/core/axes.h"
#include "sap/data/augment.h"

namespace sap::data {

// The voxel along X and Y of the untransformed patch that lands at (x, y) of the result:
// numpy's rot90 undone, then the flips.
struct SourceRow {
  int64_t x;
  int64_t y;
};
inline SourceRow SourceOf(int64_t x, int64_t y, const XyzInt& size, const PatchTransform& t) {
  SourceRow s{x, y};
  switch (t.num_quarter_turns % 4) {
    case 1:
      s = {y, size.x - 1 - x};
      break;
    case 2:
      s = {size.x - 1 - x, size.y - 1 - y};
      break;
    case 3:
      s = {size.y - 1 - y, x};
      break;
    default:
      break;
  }
  if (t.flip[0]) s.x = size.x - 1 - s.x;
  if (t.flip[1]) s.y = size.y - 1 - s.y;
  return s;
}

// Crops one channel [X, Y, Z] of volume_size into out (size, contiguous) and transforms it in the
// same pass; convert(value) makes the output value, voxels outside the volume are `outside`.
template <typename In, typename Out, typename Convert>
void CopyTransformed(const In* volume,
                     const XyzInt& volume_size,
                     const XyzInt& begin,
                     const XyzInt& size,
                     const PatchTransform& transform,
                     Out outside,
                     const Convert& convert,
                     Out* out) {
  const int64_t z_low = std::clamp<int64_t>(-begin.z, 0, size.z);
  const int64_t z_high = std::clamp<int64_t>(volume_size.z - begin.z, z_low, size.z);
  for (int64_t x = 0; x < size.x; ++x) {
    for (int64_t y = 0; y < size.y; ++y, out += size.z) {
      const SourceRow s = SourceOf(x, y, size, transform);
      const int64_t vx = begin.x + s.x;
      const int64_t vy = begin.y + s.y;
      if (vx < 0 || vx >= volume_size.x || vy < 0 || vy >= volume_size.y) {
        std::fill_n(out, size.z, outside);
        continue;
      }
      const In* row = volume + (vx * volume_size.y + vy) * volume_size.z + begin.z;
      if (z_low > 0 || z_high < size.z) std::fill_n(out, size.z, outside);
      if (transform.flip[2]) {
        for (int64_t z = z_low; z < z_high; ++z) out[size.z - 1 - z] = convert(row[z]);
      } else {
        for (int64_t z = z_low; z < z_high; ++z) out[z] = convert(row[z]);
      }
    }
  }
}

// Voxels that are not zero inside the box (clipped to the volume).
inline int64_t CountNonZero(const uint8_t* volume, const XyzInt& volume_size, const Box& box) {
  int64_t count = 0;
  const int64_t z_begin = std::max<int64_t>(box.begin_vox.z, 0);
  const int64_t z_end = std::min(box.end_vox.z, volume_size.z);
  for (int64_t x = std::max<int64_t>(box.begin_vox.x, 0);
       x < std::min(box.end_vox.x, volume_size.x);
       ++x) {
    for (int64_t y = std::max<int64_t>(box.begin_vox.y, 0);
         y < std::min(box.end_vox.y, volume_size.y);
         ++y) {
      const uint8_t* row = volume + (x * volume_size.y + y) * volume_size.z;
      int32_t in_row = 0;
      for (int64_t z = z_begin; z < z_end; ++z) in_row += row[z] != 0 ? 1 : 0;
      count += in_row;
    }
  }
  return count;
}

}  // namespace sap::data
