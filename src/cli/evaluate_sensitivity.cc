// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_sensitivity.h"

#include "sap/core/files.h"

namespace sap::cli {

std::vector<eval::ReportSection> WriteSensitivity(
    const EvaluateOptions& options,
    const eval::Comparison& comparison,
    const std::vector<eval::LesionSummary>& summaries,
    const std::vector<eval::MethodSensitivity>& methods) {
  if (methods.empty()) return {};
  const std::vector<eval::StatisticRow> statistics = eval::StatisticRows(summaries, comparison);
  const std::vector<eval::ReportSection> sections = {eval::SensitivitySection(methods),
                                                     eval::StatisticsSection(statistics)};
  const fs::path folder = options.output_dir;
  WriteFileAtomically(folder / "sensitivity.csv", eval::SensitivityCsv(methods, statistics));
  WriteFileAtomically(folder / "sensitivity.md", eval::SensitivityMarkdown(sections));
  return sections;
}

}  // namespace sap::cli
