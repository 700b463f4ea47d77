// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "sap/core/axes.h"
#include "sap/data/instance_sampler.h"
#include "sap/data/volume_store.h"

namespace sap::data {

// The patches of the feature study (paper Fig. 3; specs/evaluation.md §1.11): each lesion in the
// centre of its patch, then as many healthy patches around a random voxel of bone that hold no
// lesion voxel. Healthy patches go round the cases; within a case the bone is drawn evenly from the
// classes there, so that a long spine does not decide.
//   lesions: labels with instances; bones: the same cases in the same order with bone classes.
// A pure function of its arguments. Throws kInput when the stores hold other cases, when there is
// no lesion or no bone at all, or when healthy bone without a lesion nearby cannot be found.
EpochPlan PlanFeaturePatches(const VolumeStore& lesions,
                             const VolumeStore& bones,
                             const XyzInt& patch_size_vox,
                             uint64_t seed);

}  // namespace sap::data
