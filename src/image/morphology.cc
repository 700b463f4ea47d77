// SPDX-License-Identifier: Apache-2.0
#include "sap/image/morphology.h"

#include <algorithm>
#include <cmath>
#include <mutex>
#include <optional>
#include <vector>

#include <ATen/ATen.h>

#include "image/squared_distance.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/image/components.h"

namespace sap {
namespace {

Tensor BoolMask(const Tensor& mask_XYZ) {
  SAP_CHECK(mask_XYZ.dim() == 3 && mask_XYZ.device().is_cpu() &&
                (mask_XYZ.scalar_type() == at::kBool || mask_XYZ.scalar_type() == at::kByte),
            "morphology of {}",
            ShapeString(mask_XYZ));
  return mask_XYZ.scalar_type() == at::kBool ? mask_XYZ.contiguous() : mask_XYZ.ne(0);
}

// The smallest box around the foreground; nothing when there is none.
std::optional<Box> ForegroundBox(const Tensor& mask_XYZ) {
  Box box;
  for (int64_t axis = 0; axis < 3; ++axis) {
    Tensor any = mask_XYZ;
    for (int64_t other = 2; other >= 0; --other) {
      if (other != axis) any = any.any(other);
    }
    const Tensor where = any.nonzero();
    if (where.numel() == 0) return std::nullopt;
    const auto a = static_cast<std::size_t>(axis);
    box.begin_vox[a] = where[0].item<int64_t>();
    box.end_vox[a] = where[-1].item<int64_t>() + 1;
  }
  return box;
}

Tensor Cut(const Tensor& mask_XYZ, const Box& box) {
  Tensor cut_XYZ = mask_XYZ;
  for (std::size_t a = 0; a < 3; ++a) {
    cut_XYZ = cut_XYZ.slice(static_cast<int64_t>(a), box.begin_vox[a], box.end_vox[a]);
  }
  return cut_XYZ;
}

// True where a foreground voxel lies within radius_mm. Double precision decides: a voxel at
// exactly the radius belongs, whatever its coordinates.
Tensor WithinRadius(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm) {
  const Tensor bytes_XYZ = mask_XYZ.contiguous();
  Tensor squared_XYZ = at::empty(bytes_XYZ.sizes(), at::kDouble);
  SquaredDistances(static_cast<const uint8_t*>(bytes_XYZ.data_ptr()),
                   {mask_XYZ.size(0), mask_XYZ.size(1), mask_XYZ.size(2)},
                   spacing_mm,
                   squared_XYZ.data_ptr<double>());
  const double reach_mm = radius_mm * (1.0 + 1e-9);
  return squared_XYZ.le(reach_mm * reach_mm);
}

void RequireRadius(double radius_mm) {
  SAP_REQUIRE(ErrorKind::kOption,
              radius_mm >= 0.0 && std::isfinite(radius_mm),
              "a morphology radius of {} mm; it must be 0 mm or more",
              radius_mm);
}

}  // namespace

Tensor Dilate(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm) {
  RequireRadius(radius_mm);
  const Tensor bool_XYZ = BoolMask(mask_XYZ);
  Tensor result_XYZ = at::zeros(bool_XYZ.sizes(), at::kBool);
  std::optional<Box> box = ForegroundBox(bool_XYZ);
  if (!box) return result_XYZ;
  for (std::size_t a = 0; a < 3; ++a) {
    const double size = static_cast<double>(bool_XYZ.size(static_cast<int64_t>(a)));
    const auto reach = static_cast<int64_t>(std::min(size, radius_mm / spacing_mm[a] + 1.0));
    box->begin_vox[a] = std::max<int64_t>(box->begin_vox[a] - reach, 0);
    box->end_vox[a] =
        std::min<int64_t>(box->end_vox[a] + reach, bool_XYZ.size(static_cast<int64_t>(a)));
  }
  Cut(result_XYZ, *box).copy_(WithinRadius(Cut(bool_XYZ, *box), spacing_mm, radius_mm));
  return result_XYZ;
}

Tensor Erode(const Tensor& mask_XYZ, const XyzDouble& spacing_mm, double radius_mm) {
  RequireRadius(radius_mm);
  const Tensor bool_XYZ = BoolMask(mask_XYZ);
  Tensor result_XYZ = at::zeros(bool_XYZ.sizes(), at::kBool);
  const std::optional<Box> box = ForegroundBox(bool_XYZ);
  if (!box) return result_XYZ;
  // All outside the box is background, inside and outside the array alike, and its nearest voxel
  // is always in the first layer around the box.
  const Tensor background_XYZ =
      at::constant_pad_nd(Cut(bool_XYZ, *box).logical_not(), {1, 1, 1, 1, 1, 1}, 1);
  const Tensor kept_XYZ = WithinRadius(background_XYZ, spacing_mm, radius_mm).logical_not();
  Tensor target_XYZ = Cut(result_XYZ, *box);
  target_XYZ.copy_(kept_XYZ.slice(0, 1, -1).slice(1, 1, -1).slice(2, 1, -1));
  return result_XYZ;
}

Tensor FillHoles(const Tensor& mask_XYZ) {
  const Tensor bool_XYZ = BoolMask(mask_XYZ);
  const Components outside = LabelComponents(bool_XYZ.logical_not(), Connectivity::k6);
  std::vector<uint8_t> is_hole(outside.list.size() + 1, 0);
  for (const Component& component : outside.list) {
    bool touches_border = false;
    for (std::size_t a = 0; a < 3; ++a) {
      touches_border |= component.box.begin_vox[a] == 0 ||
                        component.box.end_vox[a] == bool_XYZ.size(static_cast<int64_t>(a));
    }
    is_hole[static_cast<std::size_t>(component.label)] = touches_border ? 0 : 1;
  }
  Tensor result_XYZ = bool_XYZ.clone();
  bool* result = result_XYZ.data_ptr<bool>();
  const int32_t* labels = outside.labels_XYZ.data_ptr<int32_t>();
  ParallelFor(result_XYZ.numel(), int64_t{1} << 18, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (is_hole[static_cast<std::size_t>(labels[i])] != 0) result[i] = true;
    }
  });
  return result_XYZ;
}

}  // namespace sap
