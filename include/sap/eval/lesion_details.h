// SPDX-License-Identifier: Apache-2.0
// What is known of a lesion or a candidate beyond its mask; columns of lesions.csv and
// candidates.csv.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "sap/eval/lesion_shape.h"

namespace sap::eval {

// Name of the region of what lies in no bone and near none.
inline constexpr const char* kOffSkeleton = "off_skeleton";

struct LesionDetails {
  std::string region;  // a bone, or kOffSkeleton; empty: the exam has no map of bones
  LesionShape shape;
  double adc_um2_per_s = std::numeric_limits<double>::quiet_NaN();  // mean
  // Of candidates, by the members of an ensemble; 0 members: none were given.
  int64_t num_members = 0;
  int64_t members_found = 0;
  double score_sd = std::numeric_limits<double>::quiet_NaN();

  // Share of the members that find it; NaN without members.
  double Agreement() const;
};

// Details of item `idx`; empty ones where `details` was not filled.
LesionDetails DetailsAt(const std::vector<LesionDetails>& details, std::size_t idx);

// Column names of a table, and the cells of one row of them.
std::vector<std::string> DetailColumns(bool with_members);
std::vector<std::string> DetailCells(const LesionDetails& details, bool with_members);

}  // namespace sap::eval
