// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace sap::phantom {

// Classes of Atlas::classes. 1-26 are the labels of bp3d_tissue_labels.csv, where a bone's label
// now means its marrow; the rest is derived when the atlas is loaded.
enum Tissue : uint8_t {
  kAir = 0,
  kOtherBone = 10,
  kMuscle = 11,
  kStomach = 12,
  kLiver = 13,
  kPancreas = 14,
  kBowel = 15,
  kBlood = 16,
  kLung = 17,
  kBladder = 18,
  kProstate = 19,
  kKidney = 20,
  kSpleen = 21,
  kGreyMatter = 22,
  kTrachea = 23,
  kDisc = 24,
  kFat = 25,
  kConnective = 26,
  kSkin = 28,
  kFluid = 31,        // around brain and cord
  kWhiteMatter = 32,  // deep in the brain
  kCord = 33,
  kCortex = 40  // + region: cortical bone of regions 1-10
};
// Air is kOutside + distance to the skin [mm], up to kFarOutside.
inline constexpr int kOutside = 100;
inline constexpr int kFarOutside = 160;
inline constexpr int kNumClasses = 256;

// Bone region 1-10 of a class, 0 when it is not bone.
constexpr int RegionOf(uint8_t tissue) {
  if (tissue >= 1 && tissue <= kOtherBone) return tissue;
  if (tissue > kCortex && tissue <= kCortex + 10) return tissue - kCortex;
  return 0;
}

}  // namespace sap::phantom
