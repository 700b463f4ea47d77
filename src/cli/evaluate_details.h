// SPDX-License-Identifier: Apache-2.0
// Regions, findings, follow-up, calibration and agreement of members: gathered while each exam's
// maps are in memory, written when all have been seen.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cli/evaluate_cases.h"
#include "cli/evaluate_methods.h"
#include "cli/evaluate_options.h"
#include "sap/eval/report_html.h"

namespace sap::cli {

// Files beside one exam's reference, and its predictions by the members of the method.
struct DetailFiles {
  std::optional<std::filesystem::path> regions;
  std::optional<std::filesystem::path> adc;
  std::optional<std::filesystem::path> counted;  // mask of the voxels that calibration counts
  std::vector<CasePair> members;
  bool is_probability = true;
  int axial_axis = 2;
};
using DetailFilesOfCases = std::map<std::string, DetailFiles>;

// By method. Throws one kOption, kInput or kGeometry error that lists every fault: a file that is
// named and missing, a grid that differs, follow-up of an exam that is not evaluated, members of
// an unknown method.
std::vector<DetailFilesOfCases> FindDetailFiles(const EvaluateOptions& options,
                                                const std::vector<MethodPairs>& methods);

// One method's details; Visit is its eval::CaseVisitor.
class MethodDetails {
 public:
  MethodDetails(const EvaluateOptions& options,
                std::string method,
                const DetailFilesOfCases& files,
                double threshold);

  void Visit(const eval::CaseInput& input,
             const eval::LabelledCase& maps,
             eval::CaseLesions& result);

  const std::string& method() const { return method_; }
  const eval::MethodCalibration& calibration() const { return calibration_; }
  std::vector<eval::FollowUp> FollowUps(eval::FindingSource source) const;

 private:
  void AddRegions(const DetailFiles& files,
                  const eval::CaseInput& input,
                  const eval::LabelledCase& maps,
                  eval::CaseLesions& result) const;
  void Calibrate(const DetailFiles& files,
                 const eval::CaseInput& input,
                 const eval::MatchResult& match);
  void KeepTimePoints(const eval::CaseInput& input,
                      const eval::LabelledCase& maps,
                      const eval::MatchResult& match);

  const DetailOptions& options_;
  std::string method_;
  const DetailFilesOfCases& files_;
  double threshold_;
  eval::MethodCalibration calibration_;
  std::map<std::pair<eval::FindingSource, std::string>, eval::TimePoint> time_points_;
};

// Writes regions.csv, findings.csv, burden.csv, follow_up.csv, follow_up_totals.csv,
// calibration.csv and agreement.csv into output_dir, those that there is something for; adds
// `calibration` to `summary`. Returns their sections of the report.
std::vector<eval::ReportSection> WriteDetails(const EvaluateOptions& options,
                                              const std::vector<eval::LesionSummary>& summaries,
                                              const std::vector<MethodDetails>& details,
                                              nlohmann::json& summary);

}  // namespace sap::cli
