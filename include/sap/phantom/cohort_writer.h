// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/phantom/body.h"
#include "sap/phantom/lesions.h"
#include "sap/phantom/mr_signal.h"

namespace sap::phantom {

struct PhantomOptions {
  std::string output_dir;
  int num_healthy = 2;
  int num_metastatic = 4;
  int repeats = 1;
  int num_sites = 1;
  int64_t seed = 1;
  XyzDouble spacing_mm = {2.5, 2.5, 2.5};
  std::string atlas;  // empty: configs/atlas/bodyparts3d
  ShapeOptions shape;
  LesionOptions lesions;
  SignalOptions signal;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("output_dir", output_dir).Help("folder of the new cohort").Required();
    v.Field("num_healthy", num_healthy).Help("subjects without lesions").Range(0, 100000);
    v.Field("num_metastatic", num_metastatic).Help("subjects with lesions").Range(0, 100000);
    v.Field("repeats", repeats).Help("exams per subject: same body, new noise").Range(1, 20);
    v.Field("num_sites", num_sites).Help("sites A, B, ... in turn").Range(1, 26);
    v.Field("seed", seed).Help("the whole cohort follows from it").AtLeast(0);
    v.Field("spacing", spacing_mm).Help("voxel size [mm]").Range(0.8, 12.0);
    v.Field("atlas", atlas).Help("folder of another label atlas; empty = the one that comes along");
    v.Group("shape", shape);
    v.Group("lesions", lesions);
    v.Group("signal", signal);
  }
};

struct PlannedCase {
  std::string case_id;  // H001, M001, second exam H001_r2
  std::string subject;
  std::string site;
  bool metastatic = false;
  uint64_t subject_idx = 0;  // healthy and metastatic subjects never share one
  uint64_t repeat_idx = 0;
};

// The cases that the options ask for, in order of cohort.yaml.
std::vector<PlannedCase> PlanCohort(const PhantomOptions& options);

// Writes <output_dir>/<case>/{T1, b1000, skeleton, body[, GT]}.nii.gz, case.json, and cohort.yaml
// at the root. Same options: same bytes. A folder that the same options began is completed; any
// other non-empty folder is refused (kOption). `on_case` is called after each case, written or
// found. Returns the number of cases written now.
int WriteCohort(const PhantomOptions& options,
                const Atlas& atlas,
                const std::function<void(const std::string& case_id)>& on_case);

}  // namespace sap::phantom
