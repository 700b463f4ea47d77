// SPDX-License-Identifier: Apache-2.0
#include "sap/image/nearest_label.h"

#include <limits>
#include <vector>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

// Squared distance to the label that is nearest so far; 0 = none.
struct Site {
  double squared_mm2;
  int32_t label;
};

// Lower envelope of the parabolas squared + (x - q * spacing)^2 along one line (Felzenszwalb and
// Huttenlocher 2012, section 2.1), which hands each sample the label of the parabola above it.
class LabelEnvelope {
 public:
  void Apply(std::vector<Site>& line, double spacing_mm) {
    sites_ = line;
    apex_.clear();
    begin_mm_.clear();
    for (std::size_t q = 0; q < line.size(); ++q) {
      if (line[q].label == 0) continue;
      double begin_mm = -kInfinity;
      while (!apex_.empty()) {
        begin_mm = Crossing(apex_.back(), q, spacing_mm);
        if (begin_mm > begin_mm_.back()) break;
        apex_.pop_back();
        begin_mm_.pop_back();
      }
      begin_mm_.push_back(apex_.empty() ? -kInfinity : begin_mm);
      apex_.push_back(q);
    }
    if (apex_.empty()) return;
    std::size_t k = 0;
    for (std::size_t q = 0; q < line.size(); ++q) {
      const double at_mm = static_cast<double>(q) * spacing_mm;
      while (k + 1 < apex_.size() && begin_mm_[k + 1] < at_mm) ++k;
      const double step_mm = at_mm - static_cast<double>(apex_[k]) * spacing_mm;
      line[q] = {sites_[apex_[k]].squared_mm2 + step_mm * step_mm, sites_[apex_[k]].label};
    }
  }

 private:
  double Crossing(std::size_t p, std::size_t q, double spacing_mm) const {
    const double p_mm = static_cast<double>(p) * spacing_mm;
    const double q_mm = static_cast<double>(q) * spacing_mm;
    const double rise = sites_[q].squared_mm2 - sites_[p].squared_mm2;
    return 0.5 * (p_mm + q_mm) + rise / (2.0 * (q_mm - p_mm));
  }

  std::vector<Site> sites_;
  std::vector<std::size_t> apex_;
  std::vector<double> begin_mm_;
};

// Envelopes along lines of `size` samples that lie `stride` apart; start_of(l) is the first of line
// l.
template <typename StartOf>
void Pass(int64_t num_lines,
          const StartOf& start_of,
          int64_t size,
          int64_t stride,
          double spacing_mm,
          float* squared_mm2,
          int32_t* label) {
  ParallelFor(num_lines, 256, [&](int64_t begin, int64_t end) {
    LabelEnvelope envelope;
    std::vector<Site> line(static_cast<std::size_t>(size));
    for (int64_t l = begin; l < end; ++l) {
      const int64_t start = start_of(l);
      for (int64_t i = 0; i < size; ++i) {
        const int64_t at = start + i * stride;
        line[static_cast<std::size_t>(i)] = {static_cast<double>(squared_mm2[at]), label[at]};
      }
      envelope.Apply(line, spacing_mm);
      for (int64_t i = 0; i < size; ++i) {
        const int64_t at = start + i * stride;
        squared_mm2[at] = static_cast<float>(line[static_cast<std::size_t>(i)].squared_mm2);
        label[at] = line[static_cast<std::size_t>(i)].label;
      }
    }
  });
}

}  // namespace

Tensor NearestLabel(const Tensor& labels_XYZ, const XyzDouble& spacing_mm) {
  SAP_CHECK(
      labels_XYZ.dim() == 3 && labels_XYZ.device().is_cpu() && labels_XYZ.scalar_type() == at::kInt,
      "nearest label of {}",
      ShapeString(labels_XYZ));
  SAP_CHECK(spacing_mm.x > 0 && spacing_mm.y > 0 && spacing_mm.z > 0);
  Tensor nearest_XYZ = labels_XYZ.contiguous().clone();
  Tensor squared_XYZ = at::zeros(labels_XYZ.sizes(), at::kFloat);
  int32_t* label = nearest_XYZ.data_ptr<int32_t>();
  float* squared = squared_XYZ.data_ptr<float>();
  const XyzInt size{labels_XYZ.size(0), labels_XYZ.size(1), labels_XYZ.size(2)};
  const int64_t plane = size.y * size.z;
  const auto row = [&](int64_t l) { return l * size.z; };
  const auto column = [&](int64_t l) { return l / size.z * plane + l % size.z; };
  const auto depth = [](int64_t l) { return l; };
  Pass(size.x * size.y, row, size.z, 1, spacing_mm.z, squared, label);
  Pass(size.x * size.z, column, size.y, size.z, spacing_mm.y, squared, label);
  Pass(plane, depth, size.x, plane, spacing_mm.x, squared, label);
  return nearest_XYZ;
}

}  // namespace sap
