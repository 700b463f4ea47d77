// SPDX-License-Identifier: Apache-2.0
#include "sap/data/volume_store.h"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>

#include "data/patch_copy.h"
#include "data/store_file.h"
#include "sap/core/error.h"
#include "sap/data/patch_index.h"

namespace sap::data {
namespace {

bool Overlap(const Box& a, const Box& b) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (a.end_vox[axis] <= b.begin_vox[axis] || b.end_vox[axis] <= a.begin_vox[axis]) return false;
  }
  return true;
}

// image_CXYZ: the patch's memory, transformed; channels that the transform loses are background.
void CopyImage(const StoreFile& file,
               const XyzInt& begin_vox,
               const XyzInt& size_vox,
               const PatchTransform& transform,
               float* image_CXYZ) {
  const XyzInt& volume = file.info().size_vox;
  const float shift = transform.shift;
  const auto copy = [&](const auto* voxels, float scale) {
    for (int64_t c = 0; c < file.num_channels(); ++c) {
      float* channel_XYZ = image_CXYZ + c * size_vox.Product();
      if (transform.Loses(c)) {
        std::fill_n(channel_XYZ, size_vox.Product(), 0.0F);
        continue;
      }
      CopyTransformed(
          voxels + c * volume.Product(),
          volume,
          begin_vox,
          size_vox,
          transform,
          shift,
          [scale, shift](auto v) { return static_cast<float>(v) * scale + shift; },
          channel_XYZ);
    }
  };
  if (file.dtype() == StoreDtype::kUint16) {
    copy(reinterpret_cast<const uint16_t*>(file.image()), transform.scale / 65535.0F);
  } else {
    copy(reinterpret_cast<const float*>(file.image()), transform.scale);
  }
}

}  // namespace

VolumeStore::VolumeStore(std::vector<std::unique_ptr<StoreFile>> files, Cohort cohort)
    : files_(std::move(files)), cohort_(std::move(cohort)) {
  SAP_CHECK(files_.size() == cohort_.cases.size());
}

VolumeStore::~VolumeStore() = default;

const StoreFile& VolumeStore::File(std::size_t case_idx) const {
  SAP_CHECK(case_idx < files_.size(), "case {} of {}", case_idx, files_.size());
  return *files_[case_idx];
}

const StoredCase& VolumeStore::CaseAt(std::size_t case_idx) const {
  return File(case_idx).info();
}

std::size_t VolumeStore::Find(const std::string& case_id) const {
  const auto found = cohort_.Find(case_id);
  SAP_REQUIRE(ErrorKind::kInput, found, "{}: no such case in the cohort", case_id);
  return *found;
}

int64_t VolumeStore::NumChannels() const {
  return static_cast<int64_t>(cohort_.modalities.size());
}

std::string VolumeStore::Hash() const {
  std::string text;
  for (const auto& file : files_) {
    text += file->info().id + "\n" + file->options_hash() + "\n";
    for (const InputFile& input : file->inputs()) text += input.sha256 + "\n";
  }
  return Sha256OfBytes(text);
}

void VolumeStore::CopyPatch(std::size_t case_idx,
                            const XyzInt& begin_vox,
                            const XyzInt& size_vox,
                            const PatchTransform& transform,
                            float* image_CXYZ,
                            uint8_t* label_XYZ) const {
  const StoreFile& file = File(case_idx);
  SAP_CHECK(transform.num_quarter_turns % 2 == 0 || size_vox.x == size_vox.y);
  if (image_CXYZ != nullptr) CopyImage(file, begin_vox, size_vox, transform, image_CXYZ);
  if (label_XYZ == nullptr) return;
  SAP_REQUIRE(ErrorKind::kInput,
              file.label() != nullptr,
              "{}: has no label map; add it, or set data.require_labels to find such cases first",
              file.info().id);
  CopyTransformed(
      file.label(),
      file.info().size_vox,
      begin_vox,
      size_vox,
      transform,
      uint8_t{0},
      [](uint8_t v) { return v; },
      label_XYZ);
}

Tensor VolumeStore::ImagePatch(std::size_t case_idx,
                               const XyzInt& begin_vox,
                               const XyzInt& size_vox) const {
  Tensor image_CXYZ = at::empty({NumChannels(), size_vox.x, size_vox.y, size_vox.z}, at::kFloat);
  CopyPatch(case_idx, begin_vox, size_vox, {}, image_CXYZ.mutable_data_ptr<float>(), nullptr);
  return image_CXYZ;
}

Tensor VolumeStore::LabelPatch(std::size_t case_idx,
                               const XyzInt& begin_vox,
                               const XyzInt& size_vox) const {
  Tensor label_XYZ = at::empty({size_vox.x, size_vox.y, size_vox.z}, at::kByte);
  CopyPatch(case_idx, begin_vox, size_vox, {}, nullptr, label_XYZ.mutable_data_ptr<uint8_t>());
  return label_XYZ;
}

Tensor VolumeStore::Image(std::size_t case_idx) const {
  return ImagePatch(case_idx, {}, CaseAt(case_idx).size_vox);
}

Tensor VolumeStore::Labels(std::size_t case_idx) const {
  return LabelPatch(case_idx, {}, CaseAt(case_idx).size_vox);
}

Tensor VolumeStore::Body(std::size_t case_idx) const {
  const XyzInt& size = CaseAt(case_idx).size_vox;
  Tensor body_XYZ = at::empty({size.x, size.y, size.z}, at::kByte);
  std::memcpy(body_XYZ.mutable_data_ptr(), File(case_idx).body(), body_XYZ.nbytes());
  return body_XYZ;
}

int64_t VolumeStore::CountLabel(std::size_t case_idx, const Box& box_vox) const {
  const StoreFile& file = File(case_idx);
  int64_t count = 0;
  // Most windows touch no lesion's box: nothing to read.
  for (const Lesion& lesion : file.info().lesions) {
    if (!Overlap(lesion.box, box_vox)) continue;
    count = CountNonZero(file.label(), file.info().size_vox, box_vox);
    break;
  }
  return count;
}

int64_t VolumeStore::CountBody(std::size_t case_idx, const Box& box_vox) const {
  const StoreFile& file = File(case_idx);
  return CountNonZero(file.body(), file.info().size_vox, box_vox);
}

const std::vector<Box>& VolumeStore::BackgroundWindows(std::size_t case_idx,
                                                       const XyzInt& size_vox,
                                                       double min_body_frac) const {
  const std::string key = fmt::format("{}/{}/{}", case_idx, size_vox, min_body_frac);
  {
    const std::lock_guard lock(windows_mutex_);
    if (const auto it = windows_.find(key); it != windows_.end()) return it->second;
  }
  std::vector<Box> windows =
      data::BackgroundWindows(CaseAt(case_idx).size_vox, size_vox, [&](const Box& box) {
        return CountLabel(case_idx, box);
      });
  if (min_body_frac > 0) {
    const double needed = min_body_frac * static_cast<double>(size_vox.Product());
    std::erase_if(windows, [&](const Box& box) {
      return static_cast<double>(CountBody(case_idx, box)) < needed;
    });
  }
  const std::lock_guard lock(windows_mutex_);
  return windows_.emplace(key, std::move(windows)).first->second;
}

}  // namespace sap::data
