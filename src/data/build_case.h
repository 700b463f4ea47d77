// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "data/store_file.h"

namespace sap::data {

// Reads, orients, resamples, normalises and indexes one case. Throws kInput or kGeometry naming
// the case and the file.
CaseContent BuildCase(const CaseRecord& record, const Cohort& cohort, const StoreOptions& options);

// Body of a normalised T1 without a mask file: Otsu's threshold, the largest 6-connected piece,
// holes filled; on a coarser grid for large volumes. image_XYZ: float32 in [0, 1]. Returns uint8.
// A volume without contrast is all body.
Tensor EstimateBody(const Tensor& image_XYZ);

// Up to max_points voxels of each value > 0 of labels_XYZ (int32, values up to num_values), spread
// evenly over the voxels of that value in C order. Index = value - 1.
std::vector<std::vector<XyzInt>> SpreadVoxels(const Tensor& labels_XYZ,
                                              int64_t num_values,
                                              int64_t max_points);

// Size and time now, and the sha256 when asked for.
InputFile DescribeInput(const fs::path& path, bool with_sha256);

}  // namespace sap::data
