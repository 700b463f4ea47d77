// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/files.h"
#include "sap/core/tensor.h"
#include "sap/data/augment.h"
#include "sap/data/cohort.h"
#include "sap/image/components.h"
#include "sap/image/geometry.h"

namespace sap::data {

enum class StoreDtype { kFloat32, kUint16 };
enum class Normalization { kPercentile, kNone };
enum class StoreCheck { kHeader, kFull };

struct StoreOptions {
  std::string cache_dir;
  StoreDtype dtype = StoreDtype::kFloat32;
  Normalization normalization = Normalization::kPercentile;
  double low_pct = 1.0;
  double high_pct = 99.0;
  int connectivity = 6;
  StoreCheck check = StoreCheck::kHeader;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("cache_dir", cache_dir).Help("folder of the volume store, shared by all runs");
    v.Field("dtype", dtype).Help("stored voxels: exact float32, or half the size within 8e-6");
    v.Field("normalization", normalization).Help("per volume and channel; none = as stored");
    v.Field("low_pct", low_pct).Help("percentile that becomes 0").Range(0, 49);
    v.Field("high_pct", high_pct).Help("percentile that becomes 1").Range(51, 100);
    v.Field("connectivity", connectivity)
        .Help("what counts as one lesion: 6, 18 or 26 neighbours")
        .Rule("6, 18 or 26", [](int c) { return c == 6 || c == 18 || c == 26; });
    v.Field("check", check).Help("on opening: length and header, or every byte");
  }
};

struct Lesion {
  Box box;
  int64_t num_vox = 0;
  double volume_ml = 0;
  std::vector<XyzInt> anchors_vox;  // up to 32 voxels spread evenly over the lesion
};

struct StoredCase {
  std::string id, subject, site, role;
  RecordKind kind = RecordKind::kCase;
  bool has_label = false;
  Geometry geometry;         // of the stored voxels
  Geometry native_geometry;  // of the input files
  XyzInt size_vox;
  XyzDouble spacing_mm;
  std::vector<Lesion> lesions;
  std::map<int, int64_t> num_vox_of_class;             // classes present, without background
  std::map<int, std::vector<XyzInt>> voxels_of_class;  // up to 4096, spread evenly
  std::vector<XyzInt> body_voxels;                     // up to 8192, spread evenly
};

class StoreFile;  // one mapped case

// The cohort's voxels, normalised, on disk and memory-mapped: crops cost one copy. Thread-safe.
class VolumeStore {
 public:
  VolumeStore(std::vector<std::unique_ptr<StoreFile>> files, Cohort cohort);
  ~VolumeStore();

  std::size_t NumCases() const { return files_.size(); }
  const StoredCase& CaseAt(std::size_t case_idx) const;
  std::size_t Find(const std::string& case_id) const;  // kInput when unknown
  int64_t NumChannels() const;
  const LabelTable& labels() const { return cohort_.labels; }
  const Cohort& cohort() const { return cohort_; }
  std::string Hash() const;  // of every case's inputs and the options

  // Crops; voxels outside the volume are zero. float32 [C, X, Y, Z]; uint8 classes [X, Y, Z].
  Tensor ImagePatch(std::size_t case_idx, const XyzInt& begin_vox, const XyzInt& size_vox) const;
  Tensor LabelPatch(std::size_t case_idx, const XyzInt& begin_vox, const XyzInt& size_vox) const;
  // Whole volumes. Body: uint8 0/1.
  Tensor Image(std::size_t case_idx) const;
  Tensor Labels(std::size_t case_idx) const;
  Tensor Body(std::size_t case_idx) const;

  // Crop and transform in one copy into contiguous memory of the patch's shape:
  // image [C, X, Y, Z] of size_vox, label [X, Y, Z]; label may be null.
  void CopyPatch(std::size_t case_idx,
                 const XyzInt& begin_vox,
                 const XyzInt& size_vox,
                 const PatchTransform& transform,
                 float* image_CXYZ,
                 uint8_t* label_XYZ) const;

  int64_t CountLabel(std::size_t case_idx, const Box& box_vox) const;  // class > 0 inside the box
  int64_t CountBody(std::size_t case_idx, const Box& box_vox) const;
  // patch_index.h's BackgroundWindows of this case, and of those only the windows with at least
  // min_body_frac of size_vox inside the body; remembered.
  const std::vector<Box>& BackgroundWindows(std::size_t case_idx,
                                            const XyzInt& size_vox,
                                            double min_body_frac) const;

 private:
  const StoreFile& File(std::size_t case_idx) const;

  std::vector<std::unique_ptr<StoreFile>> files_;
  Cohort cohort_;
  mutable std::mutex windows_mutex_;
  mutable std::map<std::string, std::vector<Box>> windows_;
};

// Opens what is there and intact and builds the rest, one builder at a time over all processes;
// others wait. A case is rebuilt when its files or the options changed or its store file is
// damaged. Every fault of every case (NaN, truncated file, label value outside the table) comes in
// one kInput error; cases that were built stay built.
std::shared_ptr<const VolumeStore> OpenOrBuildStore(const Cohort& cohort,
                                                    const StoreOptions& options);

}  // namespace sap::data

template <>
struct sap::EnumNames<sap::data::StoreDtype> {
  static constexpr std::pair<sap::data::StoreDtype, std::string_view> kNames[] = {
      {sap::data::StoreDtype::kFloat32, "float32"}, {sap::data::StoreDtype::kUint16, "uint16"}};
};
template <>
struct sap::EnumNames<sap::data::Normalization> {
  static constexpr std::pair<sap::data::Normalization, std::string_view> kNames[] = {
      {sap::data::Normalization::kPercentile, "percentile"},
      {sap::data::Normalization::kNone, "none"}};
};
template <>
struct sap::EnumNames<sap::data::StoreCheck> {
  static constexpr std::pair<sap::data::StoreCheck, std::string_view> kNames[] = {
      {sap::data::StoreCheck::kHeader, "header"}, {sap::data::StoreCheck::kFull, "full"}};
};
