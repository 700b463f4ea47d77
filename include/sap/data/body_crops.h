// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/axes.h"
#include "sap/data/instance_sampler.h"
#include "sap/data/volume_store.h"

namespace sap::data {

struct BodyCropOptions {
  XyzInt patch_size_vox;
  int64_t num_batches = 1;
  int64_t crops_per_batch = 2;
};

// The crops of an epoch: each centred on a random voxel of the body of a random case, and shifted
// into the volume. The crops of one batch come from different cases, because crops of one case
// may overlap and would still count as unlike each other; a batch larger than the cohort starts
// the cohort over. A pure function of its arguments. Throws kInput without cases and for an empty
// body mask.
EpochPlan PlanBodyCrops(const VolumeStore& store,
                        const std::vector<std::size_t>& case_idxs,
                        const BodyCropOptions& options,
                        uint64_t seed,
                        uint64_t epoch);

}  // namespace sap::data
