// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "cli/evaluate_details.h"
#include "sap/core/files.h"
#include "sap/data/labels.h"
#include "sap/eval/agreement.h"
#include "sap/eval/report_html.h"

namespace sap::cli {
namespace {

using Summaries = std::vector<eval::LesionSummary>;
using Sections = std::vector<eval::ReportSection>;

template <typename Item>
void Append(std::vector<Item>& all, std::vector<Item> more) {
  all.insert(all.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
}

void WriteRegions(const EvaluateOptions& options,
                  const Summaries& summaries,
                  const std::vector<MethodDetails>& details,
                  Sections& sections) {
  std::vector<std::string> names;
  const data::LabelTable table = data::MakeLabelTable({.scheme = data::LabelScheme::kSkeleton});
  for (const data::LabelClass& bone : table.classes) names.push_back(bone.name);
  std::vector<eval::RegionRow> rows;
  bool any = false;
  for (std::size_t m = 0; m < details.size(); ++m) {
    Append(rows, eval::RegionRows(details[m].method(), summaries[m], names));
    any |= rows.back().num_exams > 0;
  }
  if (!any) return;
  WriteFileAtomically(fs::path(options.output_dir) / "regions.csv", eval::RegionsCsv(rows));
  sections.push_back(
      {.title = "Results per bone region",
       .note = fmt::format(
           "Pooled over the exams that have a map of bones. A lesion or candidate belongs to the "
           "bone with most of its voxels, or else to the nearest within {:g} mm; off_skeleton: "
           "none is that near. Few lesions per row: compare with care.",
           options.details.regions.margin_mm),
       .markdown = eval::RegionsMarkdown(rows)});
}

void WriteFindings(const EvaluateOptions& options,
                   const Summaries& summaries,
                   const std::vector<MethodDetails>& details,
                   Sections& sections) {
  const eval::FindingOptions& o = options.details.findings;
  auto exams = eval::ListFindings(eval::FindingSource::kReference, "", summaries.front(), o);
  for (std::size_t m = 0; m < details.size(); ++m) {
    Append(
        exams,
        eval::ListFindings(eval::FindingSource::kPrediction, details[m].method(), summaries[m], o));
  }
  const fs::path folder = options.output_dir;
  WriteFileAtomically(folder / "findings.csv", eval::FindingsCsv(exams));
  WriteFileAtomically(folder / "burden.csv", eval::BurdenCsv(exams));
  sections.push_back(
      {.title = "Tumour burden per exam",
       .note = fmt::format(
           "All findings are in findings.csv. Targets: at least {:g} mm long, at most {} per exam, "
           "longest first. An aid for research: a radiologist chooses targets.",
           o.target_min_mm,
           o.max_targets),
       .markdown = eval::BurdenMarkdown(exams)});
}

void WriteFollowUp(const EvaluateOptions& options,
                   const std::vector<MethodDetails>& details,
                   Sections& sections) {
  if (options.details.follow_up.empty()) return;
  auto patients = details.front().FollowUps(eval::FindingSource::kReference);
  for (const MethodDetails& method : details) {
    Append(patients, method.FollowUps(eval::FindingSource::kPrediction));
  }
  const fs::path folder = options.output_dir;
  WriteFileAtomically(folder / "follow_up.csv", eval::FollowUpCsv(patients));
  WriteFileAtomically(folder / "follow_up_totals.csv", eval::FollowUpTotalsCsv(patients));
  const eval::FollowUpOptions& o = options.details.changes;
  sections.push_back(
      {.title = "Change between two exams",
       .note = fmt::format(
           "Lesions that {} are one; they grew or shrank when the volume changed by {:g} % or "
           "more. A merge or a split counts once, with the volumes of all its lesions.",
           o.margin_mm > 0 ? fmt::format("come within {:g} mm of each other", o.margin_mm)
                           : std::string("share a voxel"),
           100.0 * o.change_frac),
       .markdown = eval::FollowUpMarkdown(patients)});
}

void WriteCalibration(const EvaluateOptions& options,
                      const std::vector<MethodDetails>& details,
                      nlohmann::json& summary,
                      Sections& sections) {
  std::vector<eval::MethodCalibration> methods;
  for (const MethodDetails& one : details) {
    const eval::MethodCalibration& c = one.calibration();
    if (c.exams_in_region + c.exams_whole == 0) continue;
    methods.push_back(c);
    summary["calibration"][c.method] = eval::CalibrationJson(c);
  }
  if (methods.empty()) return;
  WriteFileAtomically(fs::path(options.output_dir) / "calibration.csv",
                      eval::CalibrationCsv(methods));
  sections.push_back(
      {.title = "Calibration",
       .note = fmt::format(
           "Pooled over exams, {} bins; voxels of the mask calibration_region in {} exams, all "
           "voxels in {}. Most voxels are easy, so a small ECE says little about lesions: see the "
           "figure. A candidate's score is its largest probability, which is no probability of "
           "being a lesion unless this table says so.",
           options.details.calibration.bins,
           methods.front().exams_in_region,
           methods.front().exams_whole),
       .markdown = eval::CalibrationMarkdown(methods),
       .figures = {eval::CalibrationFigure(methods)}});
}

void WriteAgreement(const EvaluateOptions& options,
                    const Summaries& summaries,
                    const std::vector<MethodDetails>& details,
                    Sections& sections) {
  std::vector<eval::AgreementRow> rows;
  for (std::size_t m = 0; m < details.size(); ++m) {
    Append(rows, eval::AgreementRows(details[m].method(), summaries[m]));
  }
  if (rows.empty()) return;
  WriteFileAtomically(fs::path(options.output_dir) / "agreement.csv", eval::AgreementCsv(rows));
  sections.push_back(
      {.title = "Agreement of the ensemble's members",
       .note = "Only candidates kept that at least so many members find: have a voxel of p >= "
               "threshold in. Members that trained on a case agree too readily on it.",
       .markdown = eval::AgreementMarkdown(rows)});
}

nlohmann::json RulesJson(const DetailOptions& o) {
  return {{"region_margin_mm", o.regions.margin_mm},
          {"target_min_diameter_mm", o.findings.target_min_mm},
          {"max_targets", o.findings.max_targets},
          {"follow_up", o.follow_up},
          {"follow_up_margin_mm", o.changes.margin_mm},
          {"follow_up_change_frac", o.changes.change_frac},
          {"calibration_bins", o.calibration.bins}};
}

}  // namespace

std::vector<eval::ReportSection> WriteDetails(const EvaluateOptions& options,
                                              const std::vector<eval::LesionSummary>& summaries,
                                              const std::vector<MethodDetails>& details,
                                              nlohmann::json& summary) {
  CreateFolder(options.output_dir);
  Sections sections;
  WriteRegions(options, summaries, details, sections);
  WriteFindings(options, summaries, details, sections);
  WriteFollowUp(options, details, sections);
  WriteCalibration(options, details, summary, sections);
  WriteAgreement(options, summaries, details, sections);
  summary["detail_rules"] = RulesJson(options.details);
  return sections;
}

}  // namespace sap::cli
