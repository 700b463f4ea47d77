// SPDX-License-Identifier: Apache-2.0
// Which bone lesions and candidates lie in, and results per bone.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/tensor.h"
#include "sap/eval/detection.h"

namespace sap::eval {

struct RegionOptions {
  double margin_mm = 10.0;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("region_margin_mm", margin_mm)
        .Help("a lesion outside every bone belongs to the nearest within this distance [mm]")
        .Range(0.0, 100.0);
  }
};

// Class of each component in regions_XYZ (uint8, 0 = no bone): the one with most of its voxels,
// else the one with a voxel centre nearest to one of its own, within the margin (inclusive); 0 =
// none. Equal counts or distances: the smaller class. labels_XYZ: int32, contiguous, CPU.
std::vector<int> RegionsOf(const Tensor& labels_XYZ,
                           const std::vector<Component>& components,
                           const Tensor& regions_XYZ,
                           const XyzDouble& spacing_mm,
                           const RegionOptions& options = {});

// One region of one method, pooled over the exams that have a map of bones.
struct RegionRow {
  std::string method;
  std::string region;
  int64_t num_exams = 0;
  DetectionCounts all;
  DetectionCounts large;
  double median_dice = 0;  // of detected lesions; NaN without any

  double FalsePositivesPerExam() const;  // NaN without exams
};

// One row per name and one for kOffSkeleton, in that order. A region of the details that is not
// among region_names is a fault of ours.
std::vector<RegionRow> RegionRows(const std::string& method,
                                  const LesionSummary& summary,
                                  const std::vector<std::string>& region_names);
std::string RegionsCsv(const std::vector<RegionRow>& rows);
std::string RegionsMarkdown(const std::vector<RegionRow>& rows);

}  // namespace sap::eval
