// SPDX-License-Identifier: Apache-2.0
// The paper's figures as gnuplot scripts with their data (evaluation §6.1).
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sap/eval/compare.h"
#include "sap/eval/report_compare.h"
#include "sap/eval/report_html.h"
#include "sap/eval/threshold.h"

namespace sap::eval {

// Quartiles by numpy's linear rule, as in Table 1; whiskers at the outermost values within 1.5
// times their distance from the box.
struct BoxStats {
  double low = 0;
  double q25 = 0;
  double median = 0;
  double q75 = 0;
  double high = 0;
};
BoxStats TukeyBox(std::span<const double> values);  // SAP_CHECK: not empty

// Where the values of one box stand beside each other so that none hides another: offsets from its
// middle within +- half_width, the same for the same values.
std::vector<double> SwarmOffsets(std::span<const double> values, double span, double half_width);

// Fig. 4: one figure per metric; empty where no method has a value. Brackets hold the stars of
// Bonferroni's p.
std::vector<Figure> BoxFigures(const Comparison& comparison,
                               const std::vector<LesionSummary>& summaries);
// Fig. 5.
Figure FrocFigure(const std::vector<MethodCurves>& curves,
                  const FrocOptions& options,
                  double large_ml);
// Fig. 6: curves over the volume, with the cumulative histogram of the reference lesions.
Figure VolumeFigure(const std::vector<MethodCurves>& curves, const LesionSummary& reference);
// Total volume: predicted against reference, and the difference against the mean.
std::vector<Figure> AgreementFigures(const Comparison& comparison,
                                     const std::vector<LesionSummary>& summaries);
// F2 of the tuning patients over the threshold; nothing without tuning.
std::optional<Figure> ThresholdFigure(const std::vector<std::string>& names,
                                      const std::vector<std::optional<ThresholdChoice>>& tunings);
// Scores of candidates that match a lesion, and of false positives.
Figure ScoreFigure(const std::vector<std::string>& names,
                   const std::vector<LesionSummary>& summaries);

}  // namespace sap::eval
