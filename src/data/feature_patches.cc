// SPDX-License-Identifier: Apache-2.0
#include "sap/data/feature_patches.h"

#include <numeric>
#include <optional>

#include "data/patch_placement.h"
#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::data {
namespace {

constexpr int kMaxTries = 64;

void RequireSameCases(const VolumeStore& lesions, const VolumeStore& bones) {
  bool same = lesions.NumCases() == bones.NumCases();
  for (std::size_t i = 0; same && i < lesions.NumCases(); ++i) {
    same = lesions.CaseAt(i).id == bones.CaseAt(i).id &&
           lesions.CaseAt(i).size_vox == bones.CaseAt(i).size_vox;
  }
  SAP_REQUIRE(ErrorKind::kInput,
              same,
              "lesion labels and bone labels are of different cases ({} and {}); each case folder "
              "needs both",
              lesions.NumCases(),
              bones.NumCases());
}

// Begin of a patch around a voxel of bone without a lesion voxel; nothing where tries run out.
std::optional<XyzInt> DrawBonePatch(const VolumeStore& lesions,
                                    const StoredCase& bone_case,
                                    std::size_t case_idx,
                                    const XyzInt& size,
                                    Rng& rng) {
  const bool has_bone = !bone_case.voxels_of_class.empty();
  for (int attempt = 0; attempt < kMaxTries && has_bone; ++attempt) {
    const XyzInt begin = PatchAroundOneOf(
        VoxelsOfAnyClass(bone_case, rng), size, bone_case.size_vox, /*jitter_frac=*/0, rng);
    if (lesions.CountLabel(case_idx, PatchBox(begin, size)) == 0) return begin;
  }
  return std::nullopt;
}

}  // namespace

EpochPlan PlanFeaturePatches(const VolumeStore& lesions,
                             const VolumeStore& bones,
                             const XyzInt& patch_size_vox,
                             uint64_t seed) {
  RequireSameCases(lesions, bones);
  std::vector<std::size_t> all(lesions.NumCases());
  std::iota(all.begin(), all.end(), std::size_t{0});
  EpochPlan plan =
      PlanValidation(lesions, all, {.patch_size_vox = patch_size_vox, .negatives_per_positive = 0});
  const std::size_t num_lesions = plan.size();
  SAP_REQUIRE(ErrorKind::kInput, num_lesions > 0, "no case has a lesion; features need some");
  std::size_t failed_in_a_row = 0;
  for (std::size_t k = 0; plan.size() < 2 * num_lesions; ++k) {
    const std::size_t case_idx = k % all.size();
    Rng rng({.seed = seed, .stream = Stream::kNegatives, .sample = k});
    const auto begin =
        DrawBonePatch(lesions, bones.CaseAt(case_idx), case_idx, patch_size_vox, rng);
    failed_in_a_row = begin ? 0 : failed_in_a_row + 1;
    SAP_REQUIRE(ErrorKind::kInput,
                failed_in_a_row < all.size(),
                "no case has bone without a lesion in a patch of {} voxels ({} healthy patches of "
                "{} found); make roi_size smaller, or add healthy cases",
                patch_size_vox,
                plan.size() - num_lesions,
                num_lesions);
    if (begin) plan.push_back({static_cast<int32_t>(case_idx), *begin, -1, plan.size()});
  }
  return plan;
}

}  // namespace sap::data
