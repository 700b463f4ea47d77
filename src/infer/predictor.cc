// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/predictor.h"

#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/image/components.h"
#include "sap/image/intensity.h"
#include "sap/image/morphology.h"
#include "sap/image/orient.h"
#include "sap/image/resample.h"
#include "sap/image/volume_io.h"
#include "sap/infer/postprocess.h"

namespace sap::infer {
namespace {

constexpr double kSameSpacingMm = 1e-2;  // a smaller difference is rounding in a header

bool SameSpacing(const XyzDouble& a, const XyzDouble& b) {
  for (std::size_t axis = 0; axis < 3; ++axis) {
    if (std::abs(a[axis] - b[axis]) > kSameSpacingMm) return false;
  }
  return true;
}

Volume Ordered(const Volume& native, const ModelGrid& grid) {
  return grid.orientation == "native" ? native : Reorient(native, grid.orientation);
}

bool NeedsResampling(const Geometry& ordered, const ModelGrid& grid) {
  return grid.spacing_mm && !SameSpacing(ordered.spacing_mm, *grid.spacing_mm);
}

Volume ToModelGrid(const Volume& native, const ModelGrid& grid, Interpolation interpolation) {
  const Volume ordered = Ordered(native, grid);
  if (!NeedsResampling(ordered.geometry(), grid)) return ordered;
  return Resample(ordered, GridWithSpacing(ordered.geometry(), *grid.spacing_mm), interpolation);
}

void RequireGrid(const CaseFiles& files,
                 const std::filesystem::path& path,
                 const Geometry& grid,
                 const Geometry& first) {
  SAP_REQUIRE(ErrorKind::kGeometry,
              grid.SameGridAs(first),
              "{}: {} is not on the grid of {} ({}); bring all files of a case to one grid first",
              files.id,
              path.filename().string(),
              files.images[0].filename().string(),
              grid.DifferenceFrom(first));
}

Tensor ReadBody(const CaseFiles& files, const ModelGrid& grid, const Geometry& native) {
  const Volume body = ReadLabels(*files.body);
  RequireGrid(files, *files.body, body.geometry(), native);
  const Tensor mask_XYZ = ToModelGrid(body, grid, Interpolation::kNearest).data() != 0;
  SAP_REQUIRE(ErrorKind::kInput,
              mask_XYZ.any().item<bool>(),
              "{}: {} has no body voxel; write a body mask or remove the file",
              files.id,
              files.body->filename().string());
  return mask_XYZ;
}

// Maps of a model grid whose voxels are the native ones in another order.
CasePrediction BackByOrder(const CaseImage& image, const ProbabilityMaps& maps) {
  return {.labels = ReorientLike({maps.labels_XYZ, image.model_grid}, image.native),
          .probability = ReorientLike({maps.probability_XYZ, image.model_grid}, image.native)};
}

// Interpolates each class's probability onto the native grid, then takes the largest: labels
// themselves must not be interpolated. One class at a time.
CasePrediction BackByInterpolation(const CaseImage& image,
                                   const EnsembleMean& mean,
                                   int64_t prob_class) {
  const auto native_of = [&](const Tensor& map_XYZ, Interpolation interpolation) {
    return Resample({map_XYZ, image.model_grid}, image.native, interpolation).data();
  };
  const XyzInt& size = image.native.size_vox;
  Tensor foreground_XYZ = at::zeros({size.x, size.y, size.z}, at::kFloat);
  Tensor best_XYZ = at::zeros_like(foreground_XYZ);
  Tensor label_XYZ = at::zeros({size.x, size.y, size.z}, at::kByte);
  Tensor wanted_XYZ;
  Tensor outside_XYZ;
  if (image.body_mask_XYZ.defined()) {
    outside_XYZ = native_of(image.body_mask_XYZ.to(at::kByte), Interpolation::kNearest) == 0;
  }
  for (int64_t k = 1; k < mean.num_classes(); ++k) {
    Tensor probability_XYZ = native_of(mean.Probability(k), Interpolation::kLinear);
    if (outside_XYZ.defined()) probability_XYZ.masked_fill_(outside_XYZ, 0.0);
    foreground_XYZ += probability_XYZ;
    label_XYZ.masked_fill_(probability_XYZ > best_XYZ, k);
    best_XYZ = at::maximum(best_XYZ, probability_XYZ);
    if (k == prob_class) wanted_XYZ = probability_XYZ;
  }
  const Tensor background_XYZ = (1.0 - foreground_XYZ).clamp_(0.0, 1.0);
  label_XYZ.masked_fill_(background_XYZ >= best_XYZ, 0);
  if (prob_class == 0) wanted_XYZ = background_XYZ;
  return {.labels = Volume(label_XYZ, image.native),
          .probability = Volume(wanted_XYZ.contiguous(), image.native)};
}

}  // namespace

Tensor RoughBodyMask(const Tensor& image_CXYZ, const XyzDouble& spacing_mm) {
  constexpr float kAirFrac = 0.05F;
  constexpr double kSmallestPartMl = 10.0;
  constexpr double kMarginMm = 10.0;
  const Components parts = LabelComponents((image_CXYZ > kAirFrac).any(0), Connectivity::k6);
  const double voxel_ml = spacing_mm.Product() / 1000.0;
  Tensor is_body = at::zeros({static_cast<int64_t>(parts.list.size()) + 1}, at::kBool);
  for (const Component& part : parts.list) {
    if (static_cast<double>(part.num_vox) * voxel_ml >= kSmallestPartMl) is_body[part.label] = true;
  }
  const Tensor mask_XYZ =
      is_body.index_select(0, parts.labels_XYZ.flatten()).view(parts.labels_XYZ.sizes());
  // An image without any such part has no air to skip.
  if (!mask_XYZ.any().item<bool>()) return at::ones_like(mask_XYZ);
  return FillHoles(Dilate(mask_XYZ, spacing_mm, kMarginMm)).to(at::kBool);
}

CaseImage ReadCase(const CaseFiles& files, const ModelGrid& grid, const CaseOptions& options) {
  SAP_CHECK(!files.images.empty(), "{}", files.id);
  CaseImage image{.id = files.id};
  std::vector<Tensor> channels_XYZ;
  for (const std::filesystem::path& path : files.images) {
    const Volume native = ReadVolume(path);
    if (channels_XYZ.empty()) image.native = native.geometry();
    RequireGrid(files, path, native.geometry(), image.native);
    const Volume volume = ToModelGrid(native, grid, Interpolation::kLinear);
    image.model_grid = volume.geometry();
    image.resampled = NeedsResampling(Ordered(native, grid).geometry(), grid);
    channels_XYZ.push_back(NormalizePercentiles(volume.data(), 1.0, 99.0, options.clip));
  }
  // Each of the ascending absent channels goes where the ones before it have left its place.
  const Tensor background_XYZ = at::zeros_like(channels_XYZ[0]);
  for (const int64_t c : files.absent_channels) {
    SAP_CHECK(c <= std::ssize(channels_XYZ), "{}: absent channel {}", files.id, c);
    channels_XYZ.insert(channels_XYZ.begin() + c, background_XYZ);
  }
  image.image_CXYZ = at::stack(channels_XYZ);
  if (options.exact) return image;
  image.body_mask_XYZ = files.body ? ReadBody(files, grid, image.native)
                                   : RoughBodyMask(image.image_CXYZ, image.model_grid.spacing_mm);
  return image;
}

CasePrediction PredictCase(const CaseImage& image,
                           std::size_t num_models,
                           const PredictorSource& model,
                           const CaseOptions& options,
                           const WindowCount& on_windows) {
  SAP_CHECK(num_models > 0, "{}: no model", image.id);
  CasePrediction prediction;
  if (num_models == 1 && !image.resampled) {
    prediction = BackByOrder(image,
                             PredictVolume(image.image_CXYZ,
                                           model(0),
                                           options.windows,
                                           options.prob_class,
                                           image.body_mask_XYZ,
                                           on_windows));
  } else {
    EnsembleMean mean(image.image_CXYZ, image.body_mask_XYZ, options.windows);
    for (std::size_t m = 0; m < num_models; ++m) mean.AddModel(model(m), on_windows);
    prediction = image.resampled ? BackByInterpolation(image, mean, options.prob_class)
                                 : BackByOrder(image, mean.Finish(options.prob_class));
  }
  if (options.majority_vote) {
    prediction.labels = prediction.labels.WithData(MajorityVote(prediction.labels.data()));
  }
  prediction.windows =
      CountWindows(image.model_grid.size_vox, options.windows, image.body_mask_XYZ);
  return prediction;
}

}  // namespace sap::infer
