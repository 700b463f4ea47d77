// SPDX-License-Identifier: Apache-2.0
#include "sap/data/patch_index.h"

#include <algorithm>

#include "sap/core/error.h"

namespace sap::data {

XyzInt TrainingPatchSize(const XyzInt& patch_size_vox) {
  const auto grown = [](int64_t n) { return (4 * n + 2) / 3; };
  return {grown(patch_size_vox.x), grown(patch_size_vox.y), grown(patch_size_vox.z)};
}

Box PositivePatch(const Box& lesion_box, const XyzInt& size_vox, const XyzInt& volume_size_vox) {
  Box patch;
  for (std::size_t a = 0; a < 3; ++a) {
    int64_t begin = std::max<int64_t>(0, lesion_box.begin_vox[a] - kLesionMarginVox);
    int64_t end = std::min(volume_size_vox[a], lesion_box.end_vox[a] + kLesionMarginVox);
    if (end - begin < size_vox[a]) {
      const int64_t missing = size_vox[a] - (end - begin);
      begin -= missing / 2;
      end = begin + size_vox[a];
      if (begin < 0) {
        begin = 0;
        end = size_vox[a];
      }
      if (end > volume_size_vox[a]) {
        end = volume_size_vox[a];
        begin = std::max<int64_t>(0, end - size_vox[a]);
      }
    }
    patch.begin_vox[a] = begin;
    patch.end_vox[a] = end;
  }
  return patch;
}

std::vector<int64_t> WindowBegins(int64_t volume_size_vox, int64_t size_vox) {
  SAP_CHECK(volume_size_vox > 0 && size_vox > 0);
  std::vector<int64_t> begins;
  const int64_t last = std::max<int64_t>(0, volume_size_vox - size_vox);
  const int64_t stride = std::max<int64_t>(1, size_vox / 2);
  for (int64_t begin = 0; begin <= last; begin += stride) begins.push_back(begin);
  if (begins.back() != last) begins.push_back(last);
  return begins;
}

std::vector<Box> BackgroundWindows(const XyzInt& volume_size_vox,
                                   const XyzInt& size_vox,
                                   const std::function<int64_t(const Box&)>& count_label) {
  std::vector<Box> windows;
  for (const int64_t x : WindowBegins(volume_size_vox.x, size_vox.x)) {
    for (const int64_t y : WindowBegins(volume_size_vox.y, size_vox.y)) {
      for (const int64_t z : WindowBegins(volume_size_vox.z, size_vox.z)) {
        const Box window{{x, y, z},
                         {std::min(x + size_vox.x, volume_size_vox.x),
                          std::min(y + size_vox.y, volume_size_vox.y),
                          std::min(z + size_vox.z, volume_size_vox.z)}};
        if (count_label(window) == 0) windows.push_back(window);
      }
    }
  }
  return windows;
}

}  // namespace sap::data
