// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sap/eval/calibration.h"
#include "sap/eval/findings.h"
#include "sap/eval/follow_up.h"
#include "sap/eval/regions.h"

namespace sap::cli {

// What goes beyond the paper's tables; files lie in the reference's case folder.
struct DetailOptions {
  std::optional<std::string> region_name;
  std::optional<std::string> adc_name;
  std::optional<std::string> calibration_region;
  std::map<std::string, std::string> follow_up;
  std::map<std::string, std::vector<std::string>> members;
  eval::RegionOptions regions;
  eval::FindingOptions findings;
  eval::FollowUpOptions changes;
  eval::CalibrationOptions calibration;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("region_name", region_name)
        .Help(
            "file stem of the bone labels in a case folder; null = skeleton where it exists, \"\" "
            "= none");
    regions.Describe(v);
    v.Field("adc_name", adc_name)
        .Help(
            "file stem of the ADC map [um2/s]; null = ADC_um2_per_s where it exists, \"\" = none");
    findings.Describe(v);
    v.Field("follow_up", follow_up)
        .Help("earlier exam by later one, follow_up.LATER=EARLIER, both on one grid");
    changes.Describe(v);
    v.Field("members", members)
        .Help(
            "prediction folders of an ensemble's models by method, members.NAME=[folder,...]; NAME "
            "is prediction for prediction_dir");
    v.Field("calibration_region", calibration_region)
        .Help(
            "file stem of the mask whose voxels count; null = body where it exists, \"\" or else "
            "all");
    calibration.Describe(v);
  }
};

}  // namespace sap::cli
