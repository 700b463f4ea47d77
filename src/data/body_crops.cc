// SPDX-License-Identifier: Apache-2.0
#include "sap/data/body_crops.h"

#include <span>

#include "data/patch_placement.h"
#include "sap/core/error.h"
#include "sap/core/rng.h"

namespace sap::data {
EpochPlan PlanBodyCrops(const VolumeStore& store,
                        const std::vector<std::size_t>& case_idxs,
                        const BodyCropOptions& options,
                        uint64_t seed,
                        uint64_t epoch) {
  SAP_REQUIRE(ErrorKind::kInput,
              !case_idxs.empty(),
              "no case is left to draw crops from; look at fold, split and data.cases");
  EpochPlan plan;
  for (int64_t batch = 0; batch < options.num_batches; ++batch) {
    std::vector<std::size_t> order = case_idxs;
    Rng({.seed = seed,
         .stream = Stream::kEpochPlan,
         .epoch = epoch,
         .sample = static_cast<uint64_t>(batch)})
        .Shuffle(std::span(order));
    for (int64_t k = 0; k < options.crops_per_batch; ++k) {
      const std::size_t case_idx = order[static_cast<std::size_t>(k) % order.size()];
      const StoredCase& c = store.CaseAt(case_idx);
      const uint64_t sample_id = plan.size();
      Rng rng({.seed = seed, .stream = Stream::kCrop, .epoch = epoch, .sample = sample_id});
      plan.push_back(
          {.case_idx = static_cast<int32_t>(case_idx),
           .begin_vox = PatchAroundOneOf(
               BodyVoxels(c), options.patch_size_vox, c.size_vox, /*jitter_frac=*/0, rng),
           .lesion_idx = -1,
           .sample_id = sample_id});
    }
  }
  return plan;
}

}  // namespace sap::data
