// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/data/volume_store.h"

namespace sap::data {

// fixed: one positive per lesion over all ranks, always with a voxel of its lesion; negatives
//   drawn anew each epoch from inside the body.
// intended: the authors' patches and grid windows (no body test, lesions can be cropped away),
//   with the fresh draws per epoch that they meant.
// compat: the same, and as their program runs: the draws of epoch 0 for every epoch.
enum class SamplerMode { kFixed, kIntended, kCompat };

struct SamplerOptions {
  XyzInt patch_size_vox = {96, 96, 96};
  double negatives_per_positive = 1.0;
  SamplerMode mode = SamplerMode::kFixed;
  double min_body_frac = 0.1;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("roi_size", patch_size_vox).Help("patch edges [voxels]").MultipleOf(32);
    v.Field("negatives_per_positive", negatives_per_positive)
        .Help("background patches per lesion patch")
        .Range(0, 100);
    v.Field("mode", mode).Help("fixed, or the authors' sampler as intended or as it runs");
    v.Field("min_body_frac", min_body_frac)
        .Help("a background patch holds at least this share of body voxels (fixed)")
        .Range(0, 0.9);
  }
};

struct RegionSamplerOptions {
  XyzInt patch_size_vox = {96, 96, 96};
  int patches_per_case = 4;
  double foreground_frac = 0.75;
};

struct PatchRequest {
  int32_t case_idx = 0;
  XyzInt begin_vox;         // may lie outside the volume: zeros there
  int32_t lesion_idx = -1;  // of the case; -1: a background or region patch
  uint64_t sample_id = 0;   // unique within the epoch, the same for any number of ranks
  bool operator==(const PatchRequest&) const = default;
};

using EpochPlan = std::vector<PatchRequest>;

// The whole epoch, for all ranks together: a pure function of its arguments. Its length is the
// same in every epoch. Throws kInput when the cases hold no lesion at all.
EpochPlan PlanLesionEpoch(const VolumeStore& store,
                          const std::vector<std::size_t>& case_idxs,
                          const SamplerOptions& options,
                          uint64_t seed,
                          uint64_t epoch);

// For many-class labels: patches_per_case patches of each case; foreground_frac of them around a
// voxel of a class drawn evenly from those present, the rest around a voxel of the body.
EpochPlan PlanRegionEpoch(const VolumeStore& store,
                          const std::vector<std::size_t>& case_idxs,
                          const RegionSamplerOptions& options,
                          uint64_t seed,
                          uint64_t epoch);

// The same patches at every call: each lesion in the centre of its patch, and as many background
// patches as options say. Cases without lesions give background patches only.
EpochPlan PlanValidation(const VolumeStore& store,
                         const std::vector<std::size_t>& case_idxs,
                         const SamplerOptions& options);

// Part of `rank` of `world`: disjoint, equal lengths. What is missing to equal lengths repeats
// background patches under new sample ids (so each lesion still comes once); a plan without
// background patches repeats its first patches.
EpochPlan ShardPlan(const EpochPlan& plan, int rank, int world);

}  // namespace sap::data

template <>
struct sap::EnumNames<sap::data::SamplerMode> {
  static constexpr std::pair<sap::data::SamplerMode, std::string_view> kNames[] = {
      {sap::data::SamplerMode::kFixed, "fixed"},
      {sap::data::SamplerMode::kIntended, "intended"},
      {sap::data::SamplerMode::kCompat, "compat"}};
};
