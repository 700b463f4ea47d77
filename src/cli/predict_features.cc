// SPDX-License-Identifier: Apache-2.0
#include "cli/predict_features.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "cli/feature_file.h"
#include "cli/model_from_weights.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"
#include "sap/core/provenance.h"
#include "sap/data/feature_patches.h"
#include "sap/data/loader.h"
#include "sap/nn/bottleneck.h"
#include "sap/transfer/init_strategy.h"

// Shapes: B batch, C channels, N patches, E features, X Y Z space.
namespace sap::cli {
namespace {

using nlohmann::json;

struct FeatureCases {
  std::shared_ptr<const data::VolumeStore> lesions;
  std::shared_ptr<const data::VolumeStore> bones;
};

// The same cases twice, with the labels that decide each kind of patch.
FeatureCases OpenCases(const PredictOptions& options, const ModelCard& card) {
  data::CohortOptions cohort{.path = options.input_dir,
                             .modalities = ModalitiesOf(options, card),
                             .label = options.lesion_label,
                             .spacing_mm = card.grid.spacing_mm,
                             .cases = options.case_list};
  const auto orientation = EnumFromName<data::OrientationRule>(card.grid.orientation);
  if (orientation) cohort.orientation = *orientation;
  const data::StoreOptions store{.cache_dir = (fs::path(options.output_dir) / "cache").string()};
  FeatureCases cases;
  cases.lesions = data::OpenOrBuildStore(data::LoadCohort(cohort), store);
  cohort.label = options.bone_label;
  cohort.labels.scheme = data::LabelScheme::kSkeleton;
  cases.bones = data::OpenOrBuildStore(data::LoadCohort(cohort), store);
  return cases;
}

Tensor Vectors(const std::shared_ptr<const data::VolumeStore>& store,
               const data::EpochPlan& plan,
               const PredictOptions& options,
               const ModelCard& card) {
  const c10::Device device = DeviceFromName(options.device);
  nn::BottleneckNet net(card.network);
  const transfer::LoadReport report = transfer::ApplyInit(
      *net, {.mode = transfer::InitMode::kSsl, .path = options.weights[0], .min_loaded_frac = 1});
  log::Info("{}", report.Summary());
  net->to(device);
  net->eval();
  const at::NoGradGuard no_grad;
  const train::AutocastScope autocast(train::UseBf16(options.precision, device), device.type());
  const XyzInt& size = options.per_case.windows.window_vox;
  data::Loader loader(store,
                      {.plan = plan, .patch_size_vox = size, .with_labels = false},
                      {.batch_size = options.per_case.windows.windows_per_batch});
  Progress progress("features", static_cast<int64_t>(plan.size()));
  std::vector<Tensor> parts_BE;
  while (const auto batch = loader.Next()) {
    parts_BE.push_back(net->forward(batch->image_BCXYZ.to(device), options.pooling).cpu());
    progress.Advance(batch->image_BCXYZ.size(0));
  }
  progress.Finish();
  return at::cat(parts_BE);
}

Table PatchTable(const data::VolumeStore& store,
                 const data::EpochPlan& plan,
                 const std::string& model) {
  Table table({std::begin(kFeatureColumns), std::end(kFeatureColumns)});
  for (const data::PatchRequest& patch : plan) {
    const data::StoredCase& one = store.CaseAt(static_cast<std::size_t>(patch.case_idx));
    const bool is_lesion = patch.lesion_idx >= 0;
    table.AddRow({one.id,
                  one.subject,
                  is_lesion ? kLesionKind : kHealthyKind,
                  is_lesion ? fmt::format("{}", patch.lesion_idx + 1) : "",
                  fmt::format("{}", patch.begin_vox.x),
                  fmt::format("{}", patch.begin_vox.y),
                  fmt::format("{}", patch.begin_vox.z),
                  model});
  }
  return table;
}

}  // namespace

json PredictFeatures(PredictOptions options, bool roi_given, bool dry_run) {
  SAP_REQUIRE(ErrorKind::kOption,
              options.weights.size() == 1,
              "weights: features are those of one model, and {} are named; run once for each, into "
              "folders of their own",
              options.weights.size());
  SAP_REQUIRE(ErrorKind::kOption,
              options.absent.empty(),
              "absent: features are of all modalities; leave it out");
  const ModelCard card = ReadEncoderCard(options.weights[0]);
  for (const std::string& note : card.notes) log::Info("{}", note);
  XyzInt& roi_size_vox = options.per_case.windows.window_vox;
  if (!roi_given && card.roi_size_vox) roi_size_vox = *card.roi_size_vox;
  const fs::path folder = options.output_dir;
  CreateFolder(folder);
  const FeatureCases cases = OpenCases(options, card);
  const data::EpochPlan plan =
      data::PlanFeaturePatches(*cases.lesions, *cases.bones, roi_size_vox, options.seed);
  json summary = {{"patches", plan.size()},
                  {"lesion_patches", plan.size() / 2},
                  {"features", nn::BottleneckSize(card.network)},
                  {"folder", folder.string()}};
  if (dry_run) return summary;
  const json about = {{"weights", card.file},
                      {"weights_sha256", card.sha256},
                      {"pooling", EnumName(options.pooling)},
                      {"seed", options.seed},
                      {"store_hash", cases.lesions->Hash()},
                      {"provenance", ProvenanceWithThreads()}};
  WriteFeatureFile(folder,
                   Vectors(cases.lesions, plan, options, card),
                   PatchTable(*cases.lesions, plan, card.file),
                   {{"sap.about", about.dump()}});
  return summary;
}

}  // namespace sap::cli
