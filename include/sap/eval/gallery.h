// SPDX-License-Identifier: Apache-2.0
// Lesions to look at: typical ones, the worst misses and the largest false positives (Fig. 7).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/eval/detection.h"
#include "sap/image/palette_png.h"
#include "sap/image/volume.h"

namespace sap::eval {

enum class GalleryKind { kPercentile, kMissed, kFalsePositive };

struct GalleryItem {
  GalleryKind kind = GalleryKind::kPercentile;
  int percentile = 0;        // of kPercentile
  std::size_t case_idx = 0;  // of the summary
  std::size_t idx = 0;       // of its lesions, or of its candidates for kFalsePositive
  double volume_ml = 0;
  XyzDouble centroid_vox;
  Box box;
  std::string name;  // "dice_p25", "missed_1", "false_positive_2"
};

// The detected lesions whose Dice is nearest to the 25th, 50th and 75th percentile (ties: the
// first), and the num_extreme largest missed lesions and false positives.
std::vector<GalleryItem> ChooseGallery(const LesionSummary& summary, int64_t num_extreme);

// One exam; masks on one grid, images on any.
struct GalleryExam {
  Volume reference;            // uint8, != 0 is lesion
  Volume prediction;           // uint8
  std::vector<Volume> images;  // drawn grey, from left to right
};

struct GalleryView {
  XyzDouble centre_lps_mm;
  double side_mm = 60;
};
// Where an item is looked at: its centroid's voxel, and as wide as twice its box, 60 mm at least.
GalleryView ViewOf(const GalleryItem& item, const Geometry& grid);

// PNG bytes: a coronal cut above an axial one for each image, radiological (the patient's left on
// the right), grey from the 1st to the 99.5th percentile of both cuts. The reference's outline is
// orange and lies on its outermost pixels, the prediction's is blue and lies around it: equal masks
// show both.
std::string GalleryPng(const GalleryExam& exam, const GalleryView& view);

}  // namespace sap::eval
