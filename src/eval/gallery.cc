// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/gallery.h"

#include <algorithm>
#include <cmath>

#include "sap/core/error.h"
#include "sap/eval/stats.h"

namespace sap::eval {
namespace {

constexpr int kPercentiles[] = {25, 50, 75};

struct Found {
  GalleryItem item;
  double dice = 0;
};

std::vector<Found> LesionsOf(const LesionSummary& summary, bool detected) {
  std::vector<Found> found;
  for (std::size_t i = 0; i < summary.cases.size(); ++i) {
    const auto& lesions = summary.cases[i].match.lesions;
    for (std::size_t g = 0; g < lesions.size(); ++g) {
      const ReferenceLesion& lesion = lesions[g];
      if (lesion.ignored || lesion.detected() != detected) continue;
      found.push_back({.item = {.case_idx = i,
                                .idx = g,
                                .volume_ml = lesion.volume_ml,
                                .centroid_vox = lesion.centroid_vox,
                                .box = lesion.component.box},
                       .dice = lesion.PairDice()});
    }
  }
  return found;
}

std::vector<Found> FalsePositivesOf(const LesionSummary& summary) {
  std::vector<Found> found;
  for (std::size_t i = 0; i < summary.cases.size(); ++i) {
    const auto& candidates = summary.cases[i].match.candidates;
    for (std::size_t c = 0; c < candidates.size(); ++c) {
      if (!candidates[c].false_positive) continue;
      found.push_back({.item = {.case_idx = i,
                                .idx = c,
                                .volume_ml = candidates[c].volume_ml,
                                .centroid_vox = candidates[c].centroid_vox,
                                .box = candidates[c].component.box}});
    }
  }
  return found;
}

void AddPercentiles(const LesionSummary& summary, std::vector<GalleryItem>& items) {
  const std::vector<Found> detected = LesionsOf(summary, /*detected=*/true);
  if (detected.empty()) return;
  std::vector<double> dice;
  for (const Found& one : detected) dice.push_back(one.dice);
  for (const int percentile : kPercentiles) {
    const double wanted = Quantile(dice, percentile / 100.0);
    const auto nearest =
        std::min_element(detected.begin(), detected.end(), [&](const Found& a, const Found& b) {
          return std::abs(a.dice - wanted) < std::abs(b.dice - wanted);
        });
    GalleryItem item = nearest->item;
    item.percentile = percentile;
    item.name = fmt::format("dice_p{}", percentile);
    items.push_back(std::move(item));
  }
}

void AddLargest(std::vector<Found> found,
                GalleryKind kind,
                const std::string& name,
                int64_t number,
                std::vector<GalleryItem>& items) {
  std::stable_sort(found.begin(), found.end(), [](const Found& a, const Found& b) {
    return a.item.volume_ml > b.item.volume_ml;
  });
  for (int64_t k = 0; k < std::min<int64_t>(number, std::ssize(found)); ++k) {
    GalleryItem item = found[static_cast<std::size_t>(k)].item;
    item.kind = kind;
    item.name = fmt::format("{}_{}", name, k + 1);
    items.push_back(std::move(item));
  }
}

}  // namespace

std::vector<GalleryItem> ChooseGallery(const LesionSummary& summary, int64_t num_extreme) {
  std::vector<GalleryItem> items;
  if (num_extreme <= 0) return items;
  AddPercentiles(summary, items);
  AddLargest(
      LesionsOf(summary, /*detected=*/false), GalleryKind::kMissed, "missed", num_extreme, items);
  AddLargest(
      FalsePositivesOf(summary), GalleryKind::kFalsePositive, "false_positive", num_extreme, items);
  return items;
}

GalleryView ViewOf(const GalleryItem& item, const Geometry& grid) {
  GalleryView view;
  XyzDouble centre_vox;
  for (std::size_t a = 0; a < 3; ++a) {
    centre_vox[a] = std::round(item.centroid_vox[a]);
    const auto length = static_cast<double>(item.box.end_vox[a] - item.box.begin_vox[a]);
    view.side_mm = std::max(view.side_mm, 2 * length * grid.spacing_mm[a]);
  }
  view.centre_lps_mm = grid.LpsFromVox(centre_vox);
  return view;
}

}  // namespace sap::eval
