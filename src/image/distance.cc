// SPDX-License-Identifier: Apache-2.0
#include "sap/image/distance.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ATen.h>

#include "image/squared_distance.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();
constexpr int64_t kBlock = 16;  // neighbouring lines handled together, one cache line of floats

// The lower envelope of the parabolas f[q] + (x - q * spacing)^2 (Felzenszwalb and Huttenlocher
// 2012, section 2.1), evaluated at the samples. Samples without a parabola (+inf) are left out.
class LowerEnvelope {
 public:
  LowerEnvelope(int64_t size, double spacing_mm)
      : spacing_mm_(spacing_mm),
        apex_(static_cast<std::size_t>(size)),
        begin_mm_(static_cast<std::size_t>(size)) {}

  // Replaces f, `size` values, by the envelope.
  void Apply(std::vector<double>& f) {
    const auto size = static_cast<int64_t>(f.size());
    std::size_t count = 0;
    for (int64_t q = 0; q < size; ++q) {
      if (f[static_cast<std::size_t>(q)] == kInfinity) continue;
      double begin_mm = -kInfinity;
      while (count > 0) {
        begin_mm = Crossing(f, apex_[count - 1], q);
        if (begin_mm > begin_mm_[count - 1]) break;
        --count;
      }
      if (count == 0) begin_mm = -kInfinity;
      apex_[count] = q;
      begin_mm_[count++] = begin_mm;
    }
    if (count == 0) return;
    values_ = f;
    std::size_t k = 0;
    for (int64_t q = 0; q < size; ++q) {
      const double at_mm = static_cast<double>(q) * spacing_mm_;
      while (k + 1 < count && begin_mm_[k + 1] < at_mm) ++k;
      const double step_mm = static_cast<double>(q - apex_[k]) * spacing_mm_;
      f[static_cast<std::size_t>(q)] =
          step_mm * step_mm + values_[static_cast<std::size_t>(apex_[k])];
    }
  }

 private:
  double Crossing(const std::vector<double>& f, int64_t p, int64_t q) const {
    const double p_mm = static_cast<double>(p) * spacing_mm_;
    const double q_mm = static_cast<double>(q) * spacing_mm_;
    const double rise = f[static_cast<std::size_t>(q)] - f[static_cast<std::size_t>(p)];
    return 0.5 * (p_mm + q_mm) + rise / (2.0 * (q_mm - p_mm));
  }

  double spacing_mm_;
  std::vector<int64_t> apex_;
  std::vector<double> begin_mm_;
  std::vector<double> values_;
};

// Squared distance along z within one row.
template <typename T>
void RowDistances(const uint8_t* row, int64_t size_z, double spacing_mm, T* out) {
  int64_t last = -1;
  for (int64_t z = 0; z < size_z; ++z) {
    if (row[z] != 0) last = z;
    const double step_mm = static_cast<double>(z - last) * spacing_mm;
    out[z] = static_cast<T>(last < 0 ? kInfinity : step_mm * step_mm);
  }
  last = -1;
  for (int64_t z = size_z - 1; z >= 0; --z) {
    if (row[z] != 0) last = z;
    if (last < 0) continue;
    const double step_mm = static_cast<double>(last - z) * spacing_mm;
    out[z] = std::min(out[z], static_cast<T>(step_mm * step_mm));
  }
}

// Envelopes along a strided axis of lines that are neighbours in z.
template <typename T>
void EnvelopePass(T* plane, int64_t size, int64_t stride, int64_t size_z, double spacing_mm) {
  LowerEnvelope envelope(size, spacing_mm);
  std::vector<std::vector<double>> lines(static_cast<std::size_t>(kBlock),
                                         std::vector<double>(static_cast<std::size_t>(size)));
  for (int64_t z0 = 0; z0 < size_z; z0 += kBlock) {
    const int64_t width = std::min(kBlock, size_z - z0);
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t z = 0; z < width; ++z) {
        lines[static_cast<std::size_t>(z)][static_cast<std::size_t>(i)] =
            static_cast<double>(plane[i * stride + z0 + z]);
      }
    }
    for (int64_t z = 0; z < width; ++z) envelope.Apply(lines[static_cast<std::size_t>(z)]);
    for (int64_t i = 0; i < size; ++i) {
      for (int64_t z = 0; z < width; ++z) {
        plane[i * stride + z0 + z] =
            static_cast<T>(lines[static_cast<std::size_t>(z)][static_cast<std::size_t>(i)]);
      }
    }
  }
}

}  // namespace

template <typename T>
void SquaredDistances(const uint8_t* mask,
                      const XyzInt& size_vox,
                      const XyzDouble& spacing_mm,
                      T* squared_mm2) {
  const int64_t size_z = size_vox.z;
  const int64_t plane_size = size_vox.y * size_z;
  ParallelFor(size_vox.x, 1, [&](int64_t begin, int64_t end) {
    for (int64_t x = begin; x < end; ++x) {
      for (int64_t y = 0; y < size_vox.y; ++y) {
        const int64_t row = x * plane_size + y * size_z;
        RowDistances(mask + row, size_z, spacing_mm.z, squared_mm2 + row);
      }
      EnvelopePass(squared_mm2 + x * plane_size, size_vox.y, size_z, size_z, spacing_mm.y);
    }
  });
  ParallelFor(size_vox.y, 1, [&](int64_t begin, int64_t end) {
    for (int64_t y = begin; y < end; ++y) {
      EnvelopePass(squared_mm2 + y * size_z, size_vox.x, plane_size, size_z, spacing_mm.x);
    }
  });
}

template void SquaredDistances(const uint8_t*, const XyzInt&, const XyzDouble&, float*);
template void SquaredDistances(const uint8_t*, const XyzInt&, const XyzDouble&, double*);

Tensor DistanceToMask(const Tensor& mask_XYZ, const XyzDouble& spacing_mm) {
  SAP_CHECK(mask_XYZ.dim() == 3 && mask_XYZ.device().is_cpu() && mask_XYZ.element_size() == 1,
            "distance to {}",
            ShapeString(mask_XYZ));
  SAP_CHECK(spacing_mm.x > 0 && spacing_mm.y > 0 && spacing_mm.z > 0);
  const Tensor bytes_XYZ = mask_XYZ.contiguous();
  Tensor distance_XYZ = at::empty(bytes_XYZ.sizes(), at::kFloat);
  SquaredDistances(static_cast<const uint8_t*>(bytes_XYZ.data_ptr()),
                   {mask_XYZ.size(0), mask_XYZ.size(1), mask_XYZ.size(2)},
                   spacing_mm,
                   distance_XYZ.data_ptr<float>());
  return distance_XYZ.sqrt_();
}

}  // namespace sap
