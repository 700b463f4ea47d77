// SPDX-License-Identifier: Apache-2.0
// Patches per second from the volume store: float32 against uint16, fused copy against tensor
// operations, and workers. Target: 40 patches of 96^3 x 2 channels per second on two cores.
#include <filesystem>
#include <numeric>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <fmt/format.h>

#include "bench_support.h"
#include "sap/data/loader.h"
#include "sap/image/volume_io.h"
#include "support/tiny_cohort.h"

namespace {

namespace fs = std::filesystem;
using sap::data::EpochPlan;

constexpr int kPatches = 400;

std::shared_ptr<const sap::data::VolumeStore> OpenStore(const fs::path& folder,
                                                        sap::data::StoreDtype dtype) {
  sap::data::CohortOptions cohort;
  cohort.path = (folder / "cohort").string();
  sap::data::StoreOptions options;
  options.cache_dir = (folder / "store").string();
  options.dtype = dtype;
  return sap::data::OpenOrBuildStore(sap::data::LoadCohort(cohort), options);
}

EpochPlan MakePlan(const sap::data::VolumeStore& store) {
  std::vector<std::size_t> all(store.NumCases());
  std::iota(all.begin(), all.end(), std::size_t{0});
  EpochPlan plan;
  for (uint64_t epoch = 0; plan.size() < kPatches; ++epoch) {
    const EpochPlan one = sap::data::PlanLesionEpoch(store, all, {}, 1, epoch);
    plan.insert(plan.end(), one.begin(), one.end());
  }
  plan.resize(kPatches);
  for (std::size_t i = 0; i < plan.size(); ++i) plan[i].sample_id = i;
  return plan;
}

using sap::bench::Seconds;

double LoaderRate(const std::shared_ptr<const sap::data::VolumeStore>& store,
                  const EpochPlan& plan,
                  int num_workers) {
  const double s = Seconds([&] {
    sap::data::Loader loader(store,
                             {.plan = plan,
                              .patch_size_vox = {96, 96, 96},
                              .augment = sap::data::AugmentOptions{},
                              .seed = 1},
                             {.batch_size = 2, .num_workers = num_workers});
    while (loader.Next()) {
    }
  });
  return static_cast<double>(plan.size()) / s;
}

// The named alternative: crop, then flip, rot90, scale and shift as tensor operations.
double TensorRate(const sap::data::VolumeStore& store, const EpochPlan& plan) {
  const double s = Seconds([&] {
    for (const sap::data::PatchRequest& r : plan) {
      const auto i = static_cast<std::size_t>(r.case_idx);
      const sap::XyzInt size{96, 96, 96};
      const auto t = sap::data::DrawTransform({}, size, store.NumChannels(), 1, 0, r.sample_id);
      sap::data::TransformImage(store.ImagePatch(i, r.begin_vox, size), t);
      sap::data::TransformLabel(store.LabelPatch(i, r.begin_vox, size), t);
    }
  });
  return static_cast<double>(plan.size()) / s;
}

}  // namespace

int main(int argc, char** argv) {
  const fs::path folder =
      argc > 1 ? fs::path(argv[1]) : fs::temp_directory_path() / "sap_bench_loader";
  if (!fs::exists(folder / "cohort")) {
    sap::testing::MakeTinyCohort(folder / "cohort",
                                 {.num_cases = 3,
                                  .size_vox = {256, 192, 384},
                                  .lesions_per_case = 12,
                                  .write_skeleton = false});
  }
  at::set_num_threads(1);  // the loader's threads, not the operations', share the work
  double exact = 0;
  for (const auto dtype : {sap::data::StoreDtype::kFloat32, sap::data::StoreDtype::kUint16}) {
    const auto store = OpenStore(folder, dtype);
    const EpochPlan plan = MakePlan(*store);
    const double tensor = TensorRate(*store, plan);
    fmt::print(
        "{:8} tensor operations, 1 thread : {:7.1f} patches/s\n", sap::EnumName(dtype), tensor);
    for (const int workers : {0, 1, 2}) {
      const double rate = LoaderRate(store, plan, workers);
      if (exact == 0) exact = rate;
      fmt::print(
          "{:8} loader, {} workers           : {:7.1f} patches/s, {:.2f} x tensor "
          "operations, {:.2f} x float32 without workers, {:.1f} x the target of 40\n",
          sap::EnumName(dtype),
          workers,
          rate,
          rate / tensor,
          rate / exact,
          rate / 40);
    }
  }
  return 0;
}
