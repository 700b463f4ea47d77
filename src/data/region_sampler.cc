// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <span>

#include "data/patch_placement.h"
#include "sap/core/error.h"
#include "sap/core/rng.h"
#include "sap/data/instance_sampler.h"

namespace sap::data {
namespace {

// The middle of the lesion, or a voxel of it where the middle patch would hold none of it (rings).
XyzInt CentredOn(const VolumeStore& store,
                 std::size_t case_idx,
                 const Lesion& lesion,
                 const XyzInt& size) {
  const StoredCase& c = store.CaseAt(case_idx);
  XyzInt middle;
  for (std::size_t a = 0; a < 3; ++a) {
    middle[a] = (lesion.box.begin_vox[a] + lesion.box.end_vox[a]) / 2;
  }
  Rng unused({});
  const XyzInt begin = PatchAround(middle, size, c.size_vox, /*jitter_frac=*/0, unused);
  const Box box = PatchBox(begin, size);
  const bool holds_it = std::any_of(lesion.anchors_vox.begin(),
                                    lesion.anchors_vox.end(),
                                    [&](const XyzInt& v) { return box.Contains(v); });
  if (holds_it) return begin;
  return PatchAround(lesion.anchors_vox.front(), size, c.size_vox, 0, unused);
}

int64_t NumValidationNegatives(const StoredCase& c, double per_positive) {
  if (per_positive == 0) return 0;
  const double wanted = std::round(static_cast<double>(c.lesions.size()) * per_positive);
  return std::max<int64_t>(1, static_cast<int64_t>(wanted));
}

}  // namespace

EpochPlan PlanRegionEpoch(const VolumeStore& store,
                          const std::vector<std::size_t>& case_idxs,
                          const RegionSamplerOptions& options,
                          uint64_t seed,
                          uint64_t epoch) {
  EpochPlan plan;
  const double foreground = options.foreground_frac * options.patches_per_case;
  for (const std::size_t i : case_idxs) {
    const StoredCase& c = store.CaseAt(i);
    for (int k = 0; k < options.patches_per_case; ++k) {
      Rng rng({.seed = seed, .stream = Stream::kCrop, .epoch = epoch, .sample = plan.size()});
      const bool around_class = k < std::lround(foreground) && !c.voxels_of_class.empty();
      const std::vector<XyzInt>& voxels = around_class ? VoxelsOfAnyClass(c, rng) : BodyVoxels(c);
      const XyzInt begin =
          PatchAroundOneOf(voxels, options.patch_size_vox, c.size_vox, /*jitter_frac=*/0.25, rng);
      plan.push_back({static_cast<int32_t>(i), begin, -1, plan.size()});
    }
  }
  SAP_REQUIRE(ErrorKind::kInput, !plan.empty(), "no training case; check the split and data.cases");
  Rng({.seed = seed, .stream = Stream::kEpochPlan, .epoch = epoch}).Shuffle(std::span(plan));
  return plan;
}

EpochPlan PlanValidation(const VolumeStore& store,
                         const std::vector<std::size_t>& case_idxs,
                         const SamplerOptions& options) {
  EpochPlan plan;
  const XyzInt& size = options.patch_size_vox;
  for (const std::size_t i : case_idxs) {
    const StoredCase& c = store.CaseAt(i);
    for (std::size_t l = 0; l < c.lesions.size(); ++l) {
      plan.push_back({static_cast<int32_t>(i),
                      CentredOn(store, i, c.lesions[l], size),
                      static_cast<int32_t>(l),
                      plan.size()});
    }
    const auto& windows = store.BackgroundWindows(i, size, std::max(options.min_body_frac, 1e-9));
    const auto num_windows = static_cast<int64_t>(windows.size());
    const int64_t count =
        std::min(num_windows, NumValidationNegatives(c, options.negatives_per_positive));
    for (int64_t k = 0; k < count; ++k) {
      // Evenly spread over the windows, so over the body.
      const auto at = static_cast<std::size_t>((2 * k + 1) * num_windows / (2 * count));
      plan.push_back({static_cast<int32_t>(i), windows[at].begin_vox, -1, plan.size()});
    }
  }
  return plan;
}

EpochPlan ShardPlan(const EpochPlan& plan, int rank, int world) {
  SAP_CHECK(world >= 1 && rank >= 0 && rank < world, "rank {} of {}", rank, world);
  if (plan.empty()) return plan;
  EpochPlan padded = plan;
  EpochPlan spare;
  std::copy_if(plan.begin(), plan.end(), std::back_inserter(spare), [](const PatchRequest& r) {
    return r.lesion_idx < 0;
  });
  if (spare.empty()) spare = plan;
  for (std::size_t k = 0; padded.size() % static_cast<std::size_t>(world) != 0; ++k) {
    padded.push_back(spare[k % spare.size()]);
    padded.back().sample_id = padded.size() - 1;
  }
  EpochPlan shard;
  for (std::size_t k = static_cast<std::size_t>(rank); k < padded.size();
       k += static_cast<std::size_t>(world)) {
    shard.push_back(padded[k]);
  }
  return shard;
}

}  // namespace sap::data
