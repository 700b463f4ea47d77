// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/register_stations.h"

#include <optional>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "preprocess/overlap.h"
#include "preprocess/translation_search.h"
#include "sap/core/error.h"

namespace sap::preprocess {
namespace {

std::optional<PairMotion> RegisterPair(const Volume& fixed,
                                       const Tensor& fixed_mask_XYZ,
                                       const Volume& moving,
                                       const StationRegistrationOptions& options) {
  const std::optional<Box> box = OverlapBox(fixed.geometry(), moving.geometry());
  if (!box) return std::nullopt;
  const Volume fixed_crop = Cropped(fixed, *box);
  const Volume mask_crop = Cropped(fixed.WithData(fixed_mask_XYZ), *box);
  const std::optional<Box> reach =
      OverlapBox(moving.geometry(), fixed_crop.geometry(), options.max_shift_mm);
  if (!reach) return std::nullopt;
  const OverlapCorrelation correlation(
      fixed_crop, mask_crop.data(), Cropped(moving, *reach), options.samples);
  const int64_t num_body = mask_crop.data().sum().item<int64_t>();
  if (num_body < options.min_vox || correlation.CountAtIdentity() < options.min_vox / 2) {
    return std::nullopt;
  }
  return SearchTranslation(correlation, options);
}

}  // namespace

StationMotions RegisterStations(const std::vector<Volume>& images,
                                const std::vector<Tensor>& masks_XYZ,
                                const StationRegistrationOptions& options) {
  SAP_CHECK(images.size() == masks_XYZ.size() && !images.empty());
  StationMotions result;
  result.shift_mm.resize(images.size());
  const auto register_onto = [&](int fixed_idx, int moving_idx) {
    const auto f = static_cast<std::size_t>(fixed_idx);
    const auto m = static_cast<std::size_t>(moving_idx);
    std::optional<PairMotion> pair =
        RegisterPair(images[f], masks_XYZ[f].to(at::kBool), images[m], options);
    if (!pair) {
      pair.emplace();
      result.notices.push_back(
          fmt::format("register_stations: stations {} and {} overlap too little; left unmoved",
                      fixed_idx + 1,
                      moving_idx + 1));
    }
    pair->fixed_idx = fixed_idx;
    pair->moving_idx = moving_idx;
    for (std::size_t a = 0; a < 3; ++a) {
      // A pair that could not be compared still follows the chain that it hangs on.
      result.shift_mm[m][a] = result.shift_mm[f][a] + pair->shift_mm[a];
    }
    result.pairs.push_back(*pair);
  };
  const int num = static_cast<int>(images.size());
  const int centre = (num - 1) / 2;
  for (int i = centre; i + 1 < num; ++i) register_onto(i, i + 1);
  for (int i = centre; i > 0; --i) register_onto(i, i - 1);
  return result;
}

}  // namespace sap::preprocess
