// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/body_crops.h"

#include <algorithm>
#include <span>

#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::ssl {
namespace {

XyzInt CropAroundBodyVoxel(const data::StoredCase& c, const XyzInt& size_vox, Rng rng) {
  SAP_REQUIRE(ErrorKind::kInput,
              !c.body_voxels.empty(),
              "{}: the body mask is empty; check body.nii.gz, or remove it",
              c.id);
  const int64_t picked = rng.UniformInt(0, static_cast<int64_t>(c.body_voxels.size()));
  const XyzInt& centre = c.body_voxels[static_cast<std::size_t>(picked)];
  XyzInt begin;
  for (std::size_t a = 0; a < 3; ++a) {
    const int64_t last = std::max<int64_t>(0, c.size_vox[a] - size_vox[a]);
    begin[a] = std::clamp<int64_t>(centre[a] - size_vox[a] / 2, 0, last);
  }
  return begin;
}

}  // namespace

data::EpochPlan PlanBodyCrops(const data::VolumeStore& store,
                              const std::vector<std::size_t>& case_idxs,
                              const BodyCropOptions& options,
                              uint64_t seed,
                              uint64_t epoch) {
  SAP_REQUIRE(ErrorKind::kInput,
              !case_idxs.empty(),
              "no case is left to draw crops from; look at fold, split and data.cases");
  data::EpochPlan plan;
  for (int64_t batch = 0; batch < options.num_batches; ++batch) {
    std::vector<std::size_t> order = case_idxs;
    Rng({.seed = seed,
         .stream = Stream::kEpochPlan,
         .epoch = epoch,
         .sample = static_cast<uint64_t>(batch)})
        .Shuffle(std::span(order));
    for (int64_t k = 0; k < options.crops_per_batch; ++k) {
      const std::size_t case_idx = order[static_cast<std::size_t>(k) % order.size()];
      const uint64_t sample_id = plan.size();
      const Rng rng({.seed = seed, .stream = Stream::kCrop, .epoch = epoch, .sample = sample_id});
      plan.push_back(
          {.case_idx = static_cast<int32_t>(case_idx),
           .begin_vox = CropAroundBodyVoxel(store.CaseAt(case_idx), options.patch_size_vox, rng),
           .lesion_idx = -1,
           .sample_id = sample_id});
    }
  }
  return plan;
}

}  // namespace sap::ssl
