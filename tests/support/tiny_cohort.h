// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sap/core/axes.h"

namespace sap::testing {

// A cohort of small volumes for tests: an elliptic body (T1), bright blobs on b1000 where GT is 1,
// nine slabs of classes 1..9 as skeleton, and the body mask.
struct TinyCohortOptions {
  int num_cases = 4;
  XyzInt size_vox = {48, 48, 64};
  XyzDouble spacing_mm = {2, 2, 2};
  int lesions_per_case = 2;
  uint64_t seed = 7;
  std::string label_stem = "GT";
  bool write_skeleton = true;
  bool write_body = true;
  int exams_per_subject = 1;  // above 1, cohort.yaml groups consecutive cases
};

// Writes <folder>/case_00/{T1,b1000,GT,skeleton,body}.nii.gz and so on; returns the case ids.
// Lesions are balls that do not touch each other, so each case has exactly lesions_per_case.
std::vector<std::string> MakeTinyCohort(const std::filesystem::path& folder,
                                        const TinyCohortOptions& options = {});

}  // namespace sap::testing
