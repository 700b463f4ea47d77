// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/body.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>

#include <ATen/ATen.h>

#include "phantom/deform.h"
#include "phantom/signal_table.h"
#include "phantom/tissue.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap::phantom {
namespace {

// Finer steps than this catch cortex and thin organs between two samples of the atlas.
constexpr double kSampleStepMm = 2.6;

// The atlas's classes, read at positions in millimetres.
class ClassSampler {
 public:
  explicit ClassSampler(const Volume& classes)
      : data_(classes.data().data_ptr<uint8_t>()), grid_(classes.geometry()) {
    for (std::size_t a = 0; a < 3; ++a) {
      origin_[a] = static_cast<float>(grid_.origin_mm[a]);
      per_mm_[a] = static_cast<float>(1 / grid_.spacing_mm[a]);
      last_[a] = static_cast<float>(grid_.size_vox[a] - 1);
    }
    stride_y_ = grid_.size_vox.z;
    stride_x_ = grid_.size_vox.y * grid_.size_vox.z;
  }

  uint8_t Nearest(const std::array<float, 4>& q) const {
    std::array<float, 3> at;
    if (!Locate(q, at)) return kFarOutside;
    return data_[std::lround(at[0]) * stride_x_ + std::lround(at[1]) * stride_y_ +
                 std::lround(at[2])];
  }

  // Trilinear mean of the classes' signals: partial volume at tissue borders.
  TissueSignal Signal(const std::array<float, 4>& q, const SignalTable& table) const {
    std::array<float, 3> at;
    if (!Locate(q, at)) return {};
    const auto x = static_cast<int64_t>(at[0]), y = static_cast<int64_t>(at[1]);
    const auto z = static_cast<int64_t>(at[2]);
    const uint8_t* c = data_ + x * stride_x_ + y * stride_y_ + z;
    const int64_t dx = at[0] < last_[0] ? stride_x_ : 0, dy = at[1] < last_[1] ? stride_y_ : 0;
    const int64_t dz = at[2] < last_[2] ? 1 : 0;
    const uint8_t first = c[0];
    if (c[dz] == first && c[dy] == first && c[dy + dz] == first && c[dx] == first &&
        c[dx + dz] == first && c[dx + dy] == first && c[dx + dy + dz] == first) {
      return table[first];
    }
    const float fx = at[0] - static_cast<float>(x), fy = at[1] - static_cast<float>(y);
    const float fz = at[2] - static_cast<float>(z);
    TissueSignal sum;
    const auto add = [&](int64_t offset, float weight) {
      const TissueSignal& s = table[c[offset]];
      sum.t1 += weight * s.t1;
      sum.b1000 += weight * s.b1000;
    };
    add(0, (1 - fx) * (1 - fy) * (1 - fz));
    add(dz, (1 - fx) * (1 - fy) * fz);
    add(dy, (1 - fx) * fy * (1 - fz));
    add(dy + dz, (1 - fx) * fy * fz);
    add(dx, fx * (1 - fy) * (1 - fz));
    add(dx + dz, fx * (1 - fy) * fz);
    add(dx + dy, fx * fy * (1 - fz));
    add(dx + dy + dz, fx * fy * fz);
    return sum;
  }

 private:
  bool Locate(const std::array<float, 4>& q, std::array<float, 3>& at) const {
    for (std::size_t a = 0; a < 3; ++a) {
      at[a] = (q[a] - origin_[a]) * per_mm_[a];
      if (!(at[a] >= 0 && at[a] <= last_[a])) return false;
    }
    return true;
  }

  const uint8_t* data_;
  Geometry grid_;
  std::array<float, 3> origin_{}, per_mm_{}, last_{};
  int64_t stride_x_ = 0, stride_y_ = 0;
};

const SignalTable& TableFor(const std::vector<SignalTable>& tables, float extra_fat_mm) {
  const auto fat =
      std::clamp<int>(static_cast<int>(std::lround(extra_fat_mm)), 0, kLargestExtraFatMm);
  return tables[static_cast<std::size_t>(fat)];
}

// Outside the atlas's skin the class is a distance; the added fat layer turns it into tissue.
uint8_t WithFat(uint8_t tissue, float extra_fat_mm) {
  if (tissue < kOutside) return tissue;
  const float distance_mm = static_cast<float>(tissue - kOutside);
  return extra_fat_mm >= 0.5F && distance_mm <= extra_fat_mm ? kFat : kAir;
}

// Inguinal, axillary and cervical nodes, as offsets from bones of the atlas.
std::vector<XyzDouble> NodeCentres(const Atlas& atlas, const Deformation& map) {
  std::vector<XyzDouble> nodes;
  const XyzDouble& pelvis = atlas.pelvis_centre_mm;
  for (const AtlasBone& bone : atlas.bones) {
    const double side = bone.centre_mm.x < pelvis.x ? -1 : 1;
    if (bone.region == 5) {
      const double top = bone.centre_mm.z + bone.half_extent_mm.z;
      for (const double dz : {-5.0, -28.0, -45.0}) {
        nodes.push_back({pelvis.x + side * (68 + dz / 4), bone.centre_mm.y - 48, top + dz});
      }
    }
    if (bone.region == 6) {
      const double top = bone.centre_mm.z + bone.half_extent_mm.z;
      nodes.push_back({pelvis.x + side * 122, bone.centre_mm.y - 8, top - 70});
      nodes.push_back({pelvis.x + side * 128, bone.centre_mm.y + 5, top - 95});
    }
    if (bone.region == 1 && bone.label % 3 == 0) {
      for (const double s : {-1.0, 1.0}) {
        nodes.push_back({pelvis.x + s * 42, bone.centre_mm.y - 12, bone.centre_mm.z});
      }
    }
  }
  for (XyzDouble& node : nodes) node = map.SubjectFromAtlas(node);
  return nodes;
}

Tensor MapClasses(const Tensor& tissue_XYZ, const std::function<uint8_t(uint8_t)>& rule) {
  std::array<uint8_t, kNumClasses> table;
  for (int i = 0; i < kNumClasses; ++i) {
    table[static_cast<std::size_t>(i)] = rule(static_cast<uint8_t>(i));
  }
  Tensor out = at::empty_like(tissue_XYZ);
  const uint8_t* in = tissue_XYZ.data_ptr<uint8_t>();
  uint8_t* target = out.data_ptr<uint8_t>();
  ParallelFor(out.numel(), 1 << 18, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) target[i] = table[in[i]];
  });
  return out;
}

}  // namespace

Tensor Body::RegionsXYZ() const {
  return MapClasses(tissue.data(), [](uint8_t t) {
    const int region = RegionOf(t);
    return static_cast<uint8_t>(region <= kNumRegions ? region : 0);
  });
}

Tensor Body::MarrowXYZ() const {
  return MapClasses(tissue.data(),
                    [](uint8_t t) { return static_cast<uint8_t>(t <= kNumRegions ? t : 0); });
}

Tensor Body::MaskXYZ() const {
  return MapClasses(tissue.data(), [](uint8_t t) { return static_cast<uint8_t>(t != kAir); });
}

Body MakeBody(const Atlas& atlas, const SubjectShape& shape, const XyzDouble& spacing_mm) {
  const Deformation map(atlas, shape);
  const Geometry grid = map.Grid(spacing_mm);
  const DeformationField field(map, grid);
  const ClassSampler sampler(atlas.classes);
  const std::vector<SignalTable> tables = MakeSignalTables(shape.age_years, shape.male);
  XyzInt parts;
  for (std::size_t a = 0; a < 3; ++a) {
    parts[a] = static_cast<int64_t>(std::ceil(spacing_mm[a] / kSampleStepMm));
  }
  const std::vector<int64_t> size = {grid.size_vox.x, grid.size_vox.y, grid.size_vox.z};
  Tensor tissue = at::empty(size, at::kByte);
  Tensor t1 = at::zeros(size, at::kFloat), b1000 = at::zeros(size, at::kFloat);
  const float share = 1.0F / static_cast<float>(parts.Product());
  const auto offset = [](int64_t part, int64_t count) {
    return (static_cast<double>(part) + 0.5) / static_cast<double>(count) - 0.5;
  };
  ParallelFor(size[0] * size[1], 32, [&](int64_t begin, int64_t end) {
    std::vector<std::array<float, 4>> line(static_cast<std::size_t>(size[2]));
    std::vector<std::array<float, 4>> fine(line.size() * static_cast<std::size_t>(parts.z));
    for (int64_t column = begin; column < end; ++column) {
      const auto x = static_cast<double>(column / size[1]);
      const auto y = static_cast<double>(column % size[1]);
      field.Line(x, y, 0, 1, line);
      uint8_t* label = tissue.data_ptr<uint8_t>() + column * size[2];
      for (std::size_t k = 0; k < line.size(); ++k) {
        label[k] = WithFat(sampler.Nearest(line[k]), line[k][3]);
      }
      float* out_t1 = t1.data_ptr<float>() + column * size[2];
      float* out_b1000 = b1000.data_ptr<float>() + column * size[2];
      for (int64_t part = 0; part < parts.x * parts.y; ++part) {
        field.Line(x + offset(part / parts.y, parts.x),
                   y + offset(part % parts.y, parts.y),
                   offset(0, parts.z),
                   1.0 / static_cast<double>(parts.z),
                   fine);
        for (std::size_t k = 0; k < fine.size(); ++k) {
          const TissueSignal s = sampler.Signal(fine[k], TableFor(tables, fine[k][3]));
          out_t1[k / static_cast<std::size_t>(parts.z)] += share * s.t1;
          out_b1000[k / static_cast<std::size_t>(parts.z)] += share * s.b1000;
        }
      }
    }
  });
  return {Volume(tissue, grid),
          Volume(t1, grid),
          Volume(b1000, grid),
          NodeCentres(atlas, map),
          shape.age_years};
}

}  // namespace sap::phantom
