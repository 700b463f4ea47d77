// SPDX-License-Identifier: Apache-2.0
#include "data/build_case.h"

#include <chrono>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/image/intensity.h"
#include "sap/image/morphology.h"
#include "sap/image/orient.h"
#include "sap/image/resample.h"
#include "sap/image/volume_io.h"

namespace sap::data {
namespace {

constexpr int64_t kMaxAnchors = 32;
constexpr int64_t kMaxClassVoxels = 4096;
constexpr int64_t kMaxBodyVoxels = 8192;

// Brings volumes onto the stored grid.
class Placement {
 public:
  Placement(const Volume& first, const Cohort& cohort)
      : cohort_(cohort), native_(first.geometry()) {
    const Geometry oriented = Orient(first).geometry();
    target_ = cohort.spacing_mm ? GridWithSpacing(oriented, *cohort.spacing_mm) : oriented;
  }
  Volume Place(const Volume& volume, Interpolation interpolation, const std::string& what) const {
    SAP_REQUIRE(ErrorKind::kGeometry,
                volume.geometry().SameGridAs(native_),
                "{} is not on the grid of the first volume ({}); put all volumes of a case on one "
                "grid",
                what,
                volume.geometry().DifferenceFrom(native_));
    const Volume oriented = Orient(volume);
    if (!cohort_.spacing_mm) return oriented;
    return Resample(oriented, target_, interpolation);
  }
  const Geometry& native() const { return native_; }
  const Geometry& target() const { return target_; }

 private:
  Volume Orient(const Volume& volume) const {
    return cohort_.orientation == OrientationRule::kLps ? Reorient(volume, "LPS") : volume;
  }

  const Cohort& cohort_;
  Geometry native_;
  Geometry target_;
};

Tensor Normalize(const Tensor& image, const StoreOptions& options) {
  if (options.normalization == Normalization::kNone) return image.to(at::kFloat);
  return NormalizePercentiles(image, options.low_pct, options.high_pct, /*clip=*/true);
}

void IndexClasses(CaseContent& content) {
  StoredCase& info = content.info;
  const Tensor classes = content.label_XYZ.to(at::kInt);
  const int64_t num_classes = classes.max().item<int64_t>();
  if (num_classes == 0) return;
  const Tensor counts = at::bincount(content.label_XYZ.flatten(), {}, num_classes + 1);
  const auto voxels = SpreadVoxels(classes, num_classes, kMaxClassVoxels);
  for (int64_t c = 1; c <= num_classes; ++c) {
    const int64_t count = counts[c].item<int64_t>();
    if (count == 0) continue;
    info.num_vox_of_class[static_cast<int>(c)] = count;
    info.voxels_of_class[static_cast<int>(c)] = voxels[static_cast<std::size_t>(c - 1)];
  }
}

// A lesion patch counts as one lesion whatever its label holds: the authors draw patch files, and
// neighbours' voxels stay in the label (specs/preprocessing.md §2.1).
Components OnePiece(const Tensor& label_XYZ) {
  Components one{label_XYZ.gt(0).to(at::kInt), {}};
  const Tensor where = one.labels_XYZ.nonzero();
  if (where.size(0) == 0) return one;
  const Tensor low = std::get<0>(where.min(0));
  const Tensor high = std::get<0>(where.max(0));
  Component all{.label = 1, .num_vox = where.size(0), .box = {}, .first_vox = {}};
  for (int64_t a = 0; a < 3; ++a) {
    const auto axis = static_cast<std::size_t>(a);
    all.box.begin_vox[axis] = low[a].item<int64_t>();
    all.box.end_vox[axis] = high[a].item<int64_t>() + 1;
  }
  one.list.push_back(all);
  return one;
}

void IndexLesions(CaseContent& content, int connectivity) {
  StoredCase& info = content.info;
  const Components pieces =
      info.kind == RecordKind::kCase
          ? LabelComponents(content.label_XYZ, static_cast<Connectivity>(connectivity))
          : OnePiece(content.label_XYZ);
  const auto anchors =
      SpreadVoxels(pieces.labels_XYZ, static_cast<int64_t>(pieces.list.size()), kMaxAnchors);
  for (const Component& piece : pieces.list) {
    info.lesions.push_back(
        {.box = piece.box,
         .num_vox = piece.num_vox,
         .volume_ml = static_cast<double>(piece.num_vox) * info.geometry.VoxelMl(),
         .anchors_vox = anchors[static_cast<std::size_t>(piece.label - 1)]});
  }
}

void AddBody(const CaseRecord& record, const Placement& placement, CaseContent& content) {
  if (record.body) {
    const Volume mask = ReadLabels(*record.body);
    content.body_XYZ =
        placement.Place(mask, Interpolation::kNearest, record.body->filename().string())
            .data()
            .gt(0)
            .to(at::kByte)
            .contiguous();
  } else if (record.kind == RecordKind::kCase) {
    content.body_XYZ = EstimateBody(content.image_CXYZ[0].contiguous());
  } else {
    content.body_XYZ = at::ones(content.image_CXYZ[0].sizes(), at::kByte);
  }
  content.info.body_voxels = SpreadVoxels(content.body_XYZ.to(at::kInt), 1, kMaxBodyVoxels)[0];
}

CaseContent ReadCase(const CaseRecord& record, const Cohort& cohort, const StoreOptions& options) {
  CaseContent content;
  StoredCase& info = content.info;
  info.id = record.id;
  info.kind = record.kind;
  std::optional<Placement> placement;
  for (std::size_t c = 0; c < record.images.size(); ++c) {
    const Volume volume = ReadVolume(record.images[c]);
    if (!placement) placement.emplace(volume, cohort);
    const Volume placed =
        placement->Place(volume, Interpolation::kLinear, record.images[c].filename().string());
    const Tensor normal = Normalize(placed.data(), options);
    if (c == 0) {
      content.image_CXYZ = at::empty({static_cast<int64_t>(record.images.size()),
                                      normal.size(0),
                                      normal.size(1),
                                      normal.size(2)},
                                     at::kFloat);
    }
    content.image_CXYZ[static_cast<int64_t>(c)].copy_(normal);
    content.inputs.push_back(DescribeInput(record.images[c], /*with_sha256=*/true));
  }
  info.native_geometry = placement->native();
  info.geometry = placement->target();
  info.size_vox = info.geometry.size_vox;
  info.spacing_mm = info.geometry.spacing_mm;
  AddBody(record, *placement, content);
  if (record.body) content.inputs.push_back(DescribeInput(*record.body, true));
  if (record.label) {
    const Volume placed = placement->Place(
        ReadLabels(*record.label), Interpolation::kNearest, record.label->filename().string());
    content.label_XYZ = cohort.labels.ToClasses(placed.data().to(at::kShort), record.id);
    content.inputs.push_back(DescribeInput(*record.label, true));
    info.has_label = true;
    IndexClasses(content);
    IndexLesions(content, options.connectivity);
  }
  return content;
}

}  // namespace

std::vector<std::vector<XyzInt>> SpreadVoxels(const Tensor& labels_XYZ,
                                              int64_t num_values,
                                              int64_t max_points) {
  const Tensor labels = labels_XYZ.contiguous();
  const int32_t* values = labels.const_data_ptr<int32_t>();
  const auto n = static_cast<std::size_t>(num_values);
  std::vector<int64_t> count(n, 0);
  for (int64_t i = 0; i < labels.numel(); ++i) {
    if (values[i] > 0) ++count[static_cast<std::size_t>(values[i] - 1)];
  }
  // Rank of the k-th point: one in each of m equal strata, placed by the golden ratio, so that a
  // stratum as long as a row does not put every point into one column.
  const auto rank = [&](std::size_t v, std::size_t k) {
    const int64_t m = std::min(max_points, count[v]);
    const double inside = std::fmod(static_cast<double>(k) * 0.6180339887498949, 1.0);
    return static_cast<int64_t>((static_cast<double>(k) + inside) * static_cast<double>(count[v]) /
                                static_cast<double>(m));
  };
  std::vector<std::vector<XyzInt>> points(n);
  std::vector<int64_t> seen(n, 0);
  std::vector<int64_t> next(n, 0);
  int64_t i = 0;
  for (int64_t x = 0; x < labels.size(0); ++x) {
    for (int64_t y = 0; y < labels.size(1); ++y) {
      for (int64_t z = 0; z < labels.size(2); ++z, ++i) {
        if (values[i] <= 0) continue;
        const auto v = static_cast<std::size_t>(values[i] - 1);
        if (seen[v]++ != next[v]) continue;
        points[v].push_back({x, y, z});
        const bool more = static_cast<int64_t>(points[v].size()) < std::min(max_points, count[v]);
        next[v] = more ? std::max(rank(v, points[v].size()), seen[v]) : -1;
      }
    }
  }
  return points;
}

InputFile DescribeInput(const fs::path& path, bool with_sha256) {
  InputFile input;
  input.name = path.filename().string();
  input.num_bytes = static_cast<int64_t>(fs::file_size(path));
  input.modified_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(
                          fs::last_write_time(path).time_since_epoch())
                          .count();
  if (with_sha256) input.sha256 = Sha256OfFile(path);
  return input;
}

CaseContent BuildCase(const CaseRecord& record, const Cohort& cohort, const StoreOptions& options) {
  try {
    return ReadCase(record, cohort, options);
  } catch (const Error& error) {
    const std::string text = error.what();
    if (text.starts_with(record.id)) throw;
    throw Error(error.kind(), record.id + ": " + text);
  }
}

}  // namespace sap::data
