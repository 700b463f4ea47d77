// SPDX-License-Identifier: Apache-2.0
#include "phantom/deform.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "sap/core/parallel.h"

namespace sap::phantom {
namespace {

constexpr double kNodeStepMm = 9.0;
constexpr double kAirMarginMm = 12.0;
constexpr double kLargestWidthMm = 580.0;  // hands may leave the field of view, as in a scanner
constexpr double kArmGapSlope = 0.10;      // the gap between arm and trunk leans outward
constexpr double kArmBlendMm = 9.0;

double Radians(double degrees) {
  return degrees * std::numbers::pi / 180.0;
}

double Smoothstep(double low, double high, double x) {
  const double t = std::clamp((x - low) / (high - low), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

double Bump(double x, double centre, double width) {
  const double t = (x - centre) / width;
  return std::exp(-0.5 * t * t);
}

void AddWaves(const std::vector<Wave>& waves, const XyzDouble& at, double sign, XyzDouble& p) {
  for (const Wave& wave : waves) {
    const auto& k = wave.wave_number_per_mm;
    const double s = sign * std::sin(k.x * at.x + k.y * at.y + k.z * at.z + wave.phase_rad);
    p = {p.x + s * wave.vector_mm.x, p.y + s * wave.vector_mm.y, p.z + s * wave.vector_mm.z};
  }
}

// Rotates two coordinates about the origin.
void Rotate(double& a, double& b, double angle_rad) {
  const double c = std::cos(angle_rad), s = std::sin(angle_rad), a0 = a;
  a = c * a0 - s * b;
  b = s * a0 + c * b;
}

}  // namespace

Deformation::Deformation(const Atlas& atlas, const SubjectShape& shape)
    : atlas_(atlas), shape_(shape), centre_(atlas.pelvis_centre_mm) {
  double thorax_low = 1e9, thorax_high = -1e9;
  for (const AtlasBone& bone : atlas.bones) {
    if (bone.region == 6) {  // humeri: the shoulder joint is at their upper end
      shoulder_z_mm_ = bone.centre_mm.z + bone.half_extent_mm.z - 20;
      shoulder_x_mm_ = std::abs(bone.centre_mm.x - centre_.x) - 0.35 * bone.half_extent_mm.x;
    }
    if (bone.region == 2) {
      thorax_low = std::min(thorax_low, bone.centre_mm.z);
      thorax_high = std::max(thorax_high, bone.centre_mm.z);
    }
  }
  chest_z_mm_ = thorax_low + 0.6 * (thorax_high - thorax_low);
  belly_z_mm_ = 0.5 * (thorax_low + centre_.z);
  neck_z_mm_ = thorax_high + 40;
}

XyzDouble Deformation::Untilt(const XyzDouble& p) const {
  XyzDouble d{p.x - centre_.x, p.y - centre_.y, p.z - centre_.z};
  Rotate(d.x, d.y, -Radians(shape_.tilt_deg.z));
  Rotate(d.x, d.z, -Radians(shape_.tilt_deg.y));
  Rotate(d.y, d.z, -Radians(shape_.tilt_deg.x));
  return {d.x + centre_.x, d.y + centre_.y, d.z + centre_.z};
}

XyzDouble Deformation::Unscale(const XyzDouble& p) const {
  const double z = centre_.z + (p.z - centre_.z) / shape_.height;
  const double head = Smoothstep(neck_z_mm_, neck_z_mm_ + 80, z);
  const double girth = 1 + (shape_.trunk_girth - 1) * Bump(z, belly_z_mm_, 110) +
                       (shape_.chest_girth - 1) * Bump(z, chest_z_mm_, 110);
  // Heads differ much less in size than trunks.
  const double scale = shape_.width * girth * (1 - head) + (1 + 0.3 * (shape_.width - 1)) * head;
  return {centre_.x + (p.x - centre_.x) / scale, centre_.y + (p.y - centre_.y) / scale, z};
}

// The trunk stays; the arm turns about the shoulder; between them lies a gap, which opens or
// closes with the angle. `beyond` is the distance outside the gap's midline in the atlas.
XyzDouble Deformation::UnrotateArms(const XyzDouble& p) const {
  const double side = p.x < centre_.x ? -1 : 1;
  const double angle = Radians(side < 0 ? shape_.arm_right_deg : shape_.arm_left_deg);
  const double gap_x_mm = shoulder_x_mm_ - 10;
  const auto gap = [&](double z) {
    return gap_x_mm + kArmGapSlope * std::max(0.0, shoulder_z_mm_ - z);
  };
  const double x = side * (p.x - centre_.x);
  double ax = x - shoulder_x_mm_, az = p.z - shoulder_z_mm_;
  const double near = 1 - Smoothstep(20, 70, az);  // the neck does not turn
  Rotate(ax, az, -angle * near);
  ax += shoulder_x_mm_;
  az += shoulder_z_mm_;
  const double beyond = ax - gap(az);
  const double arm = Smoothstep(-kArmBlendMm, kArmBlendMm, beyond);
  const double trunk_x = std::min(x, gap(p.z) + std::max(0.0, az - shoulder_z_mm_) * 10);
  const double qx = (1 - arm) * trunk_x + arm * std::max(ax, gap(az));
  const double qz = (1 - arm) * p.z + arm * az;
  return {centre_.x + side * qx, p.y, qz};
}

XyzDouble Deformation::UnsizeBones(const XyzDouble& p) const {
  XyzDouble shift;
  for (std::size_t i = 0; i < atlas_.bones.size(); ++i) {
    const AtlasBone& bone = atlas_.bones[i];
    XyzDouble d;
    double r2 = 0;
    for (std::size_t a = 0; a < 3; ++a) {
      d[a] = p[a] - bone.centre_mm[a];
      const double t = d[a] / (1.1 * bone.half_extent_mm[a] + 8);
      r2 += t * t;
    }
    if (r2 > 9) continue;
    const double weight = std::exp(-0.5 * r2) * (1 / shape_.bone_scale[i] - 1);
    for (std::size_t a = 0; a < 3; ++a) shift[a] += weight * d[a];
  }
  return {p.x + shift.x, p.y + shift.y, p.z + shift.z};
}

double Deformation::ExtraFatMm(const XyzDouble& q) const {
  const double head = Smoothstep(neck_z_mm_ - 40, neck_z_mm_ + 30, q.z);
  const double belly = Bump(q.z, belly_z_mm_ - 20, 120) + 0.8 * Bump(q.z, centre_.z - 40, 90);
  const double arm = Smoothstep(0, 25, std::abs(q.x - centre_.x) - shoulder_x_mm_ - 5);
  const double front_share = q.y < centre_.y ? 1.0 : 0.75;  // LPS: y grows to the back
  const double weight = (0.3 + 0.7 * std::min(1.0, belly)) * (1 - 0.9 * head) * (1 - 0.65 * arm);
  return shape_.fat_mm * weight * (arm > 0.5 ? 1.0 : front_share);
}

AtlasPoint Deformation::AtlasFromSubject(const XyzDouble& subject_mm) const {
  XyzDouble q = Untilt(subject_mm);
  AddWaves(shape_.spine, {0, 0, q.z}, -1, q);
  q = Unscale(q);
  q = UnrotateArms(q);
  q = UnsizeBones(q);
  AddWaves(shape_.wobble, q, -1, q);
  return {q, ExtraFatMm(q)};
}

XyzDouble Deformation::SubjectFromAtlas(const XyzDouble& atlas_mm) const {
  XyzDouble p = atlas_mm;
  for (int i = 0; i < 12; ++i) {
    const XyzDouble q = AtlasFromSubject(p).mm;
    p = {p.x + atlas_mm.x - q.x, p.y + atlas_mm.y - q.y, p.z + atlas_mm.z - q.z};
  }
  return p;
}

Geometry Deformation::Grid(const XyzDouble& spacing_mm) const {
  const double scale =
      shape_.width * std::max(1.0, std::max(shape_.trunk_girth, shape_.chest_girth));
  const double grow = 0.6 * shape_.fat_mm + kAirMarginMm;
  XyzDouble low = atlas_.body_min_mm, high = atlas_.body_max_mm;
  for (std::size_t a = 0; a < 2; ++a) {
    low[a] = centre_[a] + (low[a] - centre_[a]) * scale - grow;
    high[a] = centre_[a] + (high[a] - centre_[a]) * scale + grow;
  }
  low.x = std::max(low.x, centre_.x - kLargestWidthMm / 2);
  high.x = std::min(high.x, centre_.x + kLargestWidthMm / 2);
  low.z =
      centre_.z + (atlas_.mid_thigh_z_mm + shape_.mid_thigh_shift_mm - centre_.z) * shape_.height;
  high.z = centre_.z + (atlas_.head_top_z_mm - centre_.z) * shape_.height + kAirMarginMm;
  Geometry grid;
  grid.spacing_mm = spacing_mm;
  grid.origin_mm = low;
  for (std::size_t a = 0; a < 3; ++a) {
    grid.size_vox[a] =
        std::max<int64_t>(1, static_cast<int64_t>(std::ceil((high[a] - low[a]) / spacing_mm[a])));
  }
  return grid;
}

DeformationField::DeformationField(const Deformation& map, const Geometry& grid) : grid_(grid) {
  for (std::size_t a = 0; a < 3; ++a) {
    const double extent = static_cast<double>(grid.size_vox[a]) * grid.spacing_mm[a];
    nodes_[a] = static_cast<int64_t>(std::ceil(extent / kNodeStepMm)) + 1;
    step_mm_[a] = kNodeStepMm;
  }
  values_.resize(static_cast<std::size_t>(nodes_.Product()));
  ParallelFor(nodes_.x, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin * nodes_.y * nodes_.z; i < end * nodes_.y * nodes_.z; ++i) {
      const double x = static_cast<double>(i / (nodes_.y * nodes_.z));
      const double y = static_cast<double>(i / nodes_.z % nodes_.y);
      const double z = static_cast<double>(i % nodes_.z);
      const AtlasPoint q = map.AtlasFromSubject({grid_.origin_mm.x + x * step_mm_.x,
                                                 grid_.origin_mm.y + y * step_mm_.y,
                                                 grid_.origin_mm.z + z * step_mm_.z});
      values_[static_cast<std::size_t>(i)] = {static_cast<float>(q.mm.x),
                                              static_cast<float>(q.mm.y),
                                              static_cast<float>(q.mm.z),
                                              static_cast<float>(q.extra_fat_mm)};
    }
  });
}

void DeformationField::Line(double x_vox,
                            double y_vox,
                            double first_z_vox,
                            double step_z_vox,
                            std::vector<std::array<float, 4>>& line) const {
  const double at_x = x_vox * grid_.spacing_mm.x / step_mm_.x;
  const double at_y = y_vox * grid_.spacing_mm.y / step_mm_.y;
  const auto ix = std::clamp<int64_t>(static_cast<int64_t>(at_x), 0, nodes_.x - 2);
  const auto iy = std::clamp<int64_t>(static_cast<int64_t>(at_y), 0, nodes_.y - 2);
  const auto fx = static_cast<float>(at_x - static_cast<double>(ix));
  const auto fy = static_cast<float>(at_y - static_cast<double>(iy));
  const std::array<float, 4>* corner = values_.data() + (ix * nodes_.y + iy) * nodes_.z;
  const int64_t stride_x = nodes_.y * nodes_.z, stride_y = nodes_.z;
  std::vector<std::array<float, 4>> column(static_cast<std::size_t>(nodes_.z));
  for (int64_t k = 0; k < nodes_.z; ++k) {
    for (std::size_t c = 0; c < 4; ++c) {
      const float near = corner[k][c] * (1 - fy) + corner[k + stride_y][c] * fy;
      const float far =
          corner[k + stride_x][c] * (1 - fy) + corner[k + stride_x + stride_y][c] * fy;
      column[static_cast<std::size_t>(k)][c] = near * (1 - fx) + far * fx;
    }
  }
  const double scale = grid_.spacing_mm.z / step_mm_.z;
  for (std::size_t k = 0; k < line.size(); ++k) {
    const double at = (first_z_vox + static_cast<double>(k) * step_z_vox) * scale;
    const auto low = std::clamp<int64_t>(static_cast<int64_t>(at), 0, nodes_.z - 2);
    const auto f = static_cast<float>(at - static_cast<double>(low));
    const auto& below = column[static_cast<std::size_t>(low)];
    const auto& above = column[static_cast<std::size_t>(low) + 1];
    for (std::size_t c = 0; c < 4; ++c) line[k][c] = below[c] * (1 - f) + above[c] * f;
  }
}

}  // namespace sap::phantom
