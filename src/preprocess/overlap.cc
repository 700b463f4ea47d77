// SPDX-License-Identifier: Apache-2.0
#include "preprocess/overlap.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

namespace sap::preprocess {

std::optional<Box> OverlapBox(const Geometry& grid, const Geometry& other, double margin_mm) {
  XyzDouble low = XyzDouble::Same(1e30);
  XyzDouble high = XyzDouble::Same(-1e30);
  for (int corner = 0; corner < 8; ++corner) {
    XyzDouble at_vox;
    for (std::size_t a = 0; a < 3; ++a) {
      const bool far = ((corner >> a) & 1) != 0;
      at_vox[a] = far ? static_cast<double>(other.size_vox[a]) - 0.5 : -0.5;
    }
    const XyzDouble here_vox = grid.VoxFromLps(other.LpsFromVox(at_vox));
    for (std::size_t a = 0; a < 3; ++a) {
      low[a] = std::min(low[a], here_vox[a]);
      high[a] = std::max(high[a], here_vox[a]);
    }
  }
  Box box;
  for (std::size_t a = 0; a < 3; ++a) {
    const double margin_vox = margin_mm / grid.spacing_mm[a];
    box.begin_vox[a] =
        std::max<int64_t>(static_cast<int64_t>(std::ceil(low[a] - margin_vox - 1e-6)), 0);
    box.end_vox[a] = std::min<int64_t>(
        static_cast<int64_t>(std::floor(high[a] + margin_vox + 1e-6)) + 1, grid.size_vox[a]);
    if (box.end_vox[a] <= box.begin_vox[a]) return std::nullopt;
  }
  return box;
}

Volume Cropped(const Volume& volume, const Box& box) {
  const XyzInt size_vox = box.SizeVox();
  Tensor data_XYZ = volume.data();
  for (std::size_t a = 0; a < 3; ++a) {
    data_XYZ = data_XYZ.narrow(static_cast<int64_t>(a), box.begin_vox[a], size_vox[a]);
  }
  return {data_XYZ.contiguous(), volume.geometry().Cropped(box)};
}

}  // namespace sap::preprocess
