// SPDX-License-Identifier: Apache-2.0
#include "sap/data/instance_sampler.h"

#include <algorithm>
#include <span>

#include "data/patch_placement.h"
#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"
#include "sap/data/patch_index.h"

namespace sap::data {
namespace {

constexpr int kMaxTries = 32;

// One sampling of one epoch; the functions below fill the plan in the order of the sample ids.
struct Epoch {
  const VolumeStore& store;
  const std::vector<std::size_t>& case_idxs;
  const SamplerOptions& options;
  uint64_t seed;
  uint64_t epoch;
  EpochPlan plan;

  Rng RngOf(Stream stream, uint64_t sample, uint32_t transform = 0) const {
    return Rng(
        {.seed = seed, .stream = stream, .epoch = epoch, .sample = sample, .transform = transform});
  }
  void Add(std::size_t case_idx, const XyzInt& begin_vox, int32_t lesion_idx) {
    plan.push_back({static_cast<int32_t>(case_idx), begin_vox, lesion_idx, plan.size()});
  }
};

Box WholeVolume(const StoredCase& c) {
  return {{}, c.size_vox};
}

void AddPositives(Epoch& e) {
  const XyzInt grown = TrainingPatchSize(e.options.patch_size_vox);
  for (const std::size_t i : e.case_idxs) {
    const StoredCase& c = e.store.CaseAt(i);
    if (c.kind == RecordKind::kBackgroundPatch) continue;  // whatever its label file holds
    for (std::size_t l = 0; l < c.lesions.size(); ++l) {
      const Lesion& lesion = c.lesions[l];
      Rng rng = e.RngOf(Stream::kCrop, e.plan.size());
      const Box patch = c.kind == RecordKind::kCase ? PositivePatch(lesion.box, grown, c.size_vox)
                                                    : WholeVolume(c);
      std::optional<XyzInt> kept;
      if (e.options.mode == SamplerMode::kFixed) {
        const auto n = static_cast<int64_t>(lesion.anchors_vox.size());
        kept = lesion.anchors_vox[static_cast<std::size_t>(rng.UniformInt(0, n))];
      }
      e.Add(i, CropInside(patch, e.options.patch_size_vox, kept, rng), static_cast<int32_t>(l));
    }
  }
}

// Cases that negatives come from: imported background patches where there are any.
std::vector<std::size_t> NegativeCases(const Epoch& e) {
  std::vector<std::size_t> whole;
  std::vector<std::size_t> patches;
  for (const std::size_t i : e.case_idxs) {
    const RecordKind kind = e.store.CaseAt(i).kind;
    if (kind == RecordKind::kCase) whole.push_back(i);
    if (kind == RecordKind::kBackgroundPatch) patches.push_back(i);
  }
  return patches.empty() ? whole : patches;
}

// A patch around a voxel of the body that holds no lesion voxel and enough body: drawn freely,
// and from the grid of windows when free draws keep failing.
XyzInt DrawBodyPatch(const Epoch& e, std::size_t case_idx, Rng rng) {
  const StoredCase& c = e.store.CaseAt(case_idx);
  const XyzInt& size = e.options.patch_size_vox;
  const double needed = e.options.min_body_frac * static_cast<double>(size.Product());
  for (int attempt = 0; attempt < kMaxTries && !c.body_voxels.empty(); ++attempt) {
    const XyzInt begin =
        PatchAroundOneOf(c.body_voxels, size, c.size_vox, /*jitter_frac=*/0.25, rng);
    const Box box = PatchBox(begin, size);
    if (e.store.CountLabel(case_idx, box) > 0) continue;
    if (static_cast<double>(e.store.CountBody(case_idx, box)) < needed) continue;
    return begin;
  }
  const auto& windows = e.store.BackgroundWindows(case_idx, size, e.options.min_body_frac);
  const auto n = static_cast<int64_t>(windows.size());
  return windows[static_cast<std::size_t>(rng.UniformInt(0, n))].begin_vox;
}

void AddBodyNegatives(Epoch& e, int64_t count) {
  std::vector<std::size_t> cases = NegativeCases(e);
  const double body_frac = std::max(e.options.min_body_frac, 1e-9);
  ParallelFor(static_cast<int64_t>(cases.size()), 1, [&](int64_t begin, int64_t end) {
    for (int64_t k = begin; k < end; ++k) {
      e.store.BackgroundWindows(
          cases[static_cast<std::size_t>(k)], e.options.patch_size_vox, body_frac);
    }
  });
  std::erase_if(cases, [&](std::size_t i) {
    return e.store.BackgroundWindows(i, e.options.patch_size_vox, body_frac).empty();
  });
  if (cases.empty() && count > 0) {
    log::Warning(
        "no case has a lesion-free patch of {} voxels inside the body: epochs hold "
        "lesion patches only",
        e.options.patch_size_vox);
    return;
  }
  Rng order = e.RngOf(Stream::kNegatives, 0, /*transform=*/1);
  order.Shuffle(std::span(cases));
  for (int64_t k = 0; k < count; ++k) {
    const std::size_t i = cases[static_cast<std::size_t>(k) % cases.size()];
    e.Add(i, DrawBodyPatch(e, i, e.RngOf(Stream::kNegatives, e.plan.size())), -1);
  }
}

// The authors' negatives: grid windows of all cases, drawn without replacement; when there are
// too few, all of them and the shortage with replacement (specs/preprocessing.md §2.2).
void AddGridNegatives(Epoch& e, int64_t count) {
  struct Window {
    std::size_t case_idx;
    Box box;
  };
  std::vector<Window> pool;
  const XyzInt grown = TrainingPatchSize(e.options.patch_size_vox);
  for (const std::size_t i : NegativeCases(e)) {
    if (e.store.CaseAt(i).kind == RecordKind::kBackgroundPatch) {
      pool.push_back({i, WholeVolume(e.store.CaseAt(i))});
      continue;
    }
    for (const Box& box : e.store.BackgroundWindows(i, grown, 0.0)) pool.push_back({i, box});
  }
  if (pool.empty()) {
    if (count > 0) log::Warning("no lesion-free window of {} voxels: no background patches", grown);
    return;
  }
  Rng order = e.RngOf(Stream::kNegatives, 0, /*transform=*/1);
  order.Shuffle(std::span(pool));
  const std::size_t num_windows = pool.size();
  for (int64_t k = 0; k < count; ++k) {
    const auto n = static_cast<int64_t>(num_windows);
    const auto at =
        k < n ? static_cast<std::size_t>(k) : static_cast<std::size_t>(order.UniformInt(0, n));
    Rng crop = e.RngOf(Stream::kNegatives, e.plan.size());
    e.Add(pool[at].case_idx,
          CropInside(pool[at].box, e.options.patch_size_vox, std::nullopt, crop),
          -1);
  }
}

}  // namespace

EpochPlan PlanLesionEpoch(const VolumeStore& store,
                          const std::vector<std::size_t>& case_idxs,
                          const SamplerOptions& options,
                          uint64_t seed,
                          uint64_t epoch) {
  // As their program runs, every epoch repeats the draws of the first.
  const uint64_t drawn_epoch = options.mode == SamplerMode::kCompat ? 0 : epoch;
  Epoch e{store, case_idxs, options, seed, drawn_epoch, {}};
  AddPositives(e);
  SAP_REQUIRE(ErrorKind::kInput,
              !e.plan.empty(),
              "the {} training cases hold no lesion; check the label maps and data.labels",
              case_idxs.size());
  const double wanted = static_cast<double>(e.plan.size()) * options.negatives_per_positive;
  const auto num_negatives = static_cast<int64_t>(wanted + 1e-9);
  if (options.mode == SamplerMode::kFixed) {
    AddBodyNegatives(e, num_negatives);
  } else {
    AddGridNegatives(e, num_negatives);
  }
  e.RngOf(Stream::kEpochPlan, 0).Shuffle(std::span(e.plan));
  return std::move(e.plan);
}

}  // namespace sap::data
