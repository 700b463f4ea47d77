// SPDX-License-Identifier: Apache-2.0
#include "sap/core/parallel.h"
#include "sap/eval/froc.h"

namespace sap::eval {

FrocIntervals ResampleFroc(
    const std::function<FrocCurve(const std::vector<int64_t>& exams)>& curve_of,
    double limit_fp,
    CurveEnd end,
    const BootstrapOptions& options,
    FrocCurve& curve) {
  if (options.resamples == 0 || curve.num_lesions == 0) return {};
  const std::size_t num_points = curve.points.size();
  const auto num_resamples = static_cast<std::size_t>(options.resamples);
  // [quantity][resample]: every point, then area, mean and the reported places.
  std::vector<std::vector<double>> values(num_points + 2 + kReportedFp.size(),
                                          std::vector<double>(num_resamples));
  ParallelFor(options.resamples, 16, [&](int64_t begin, int64_t last) {
    for (int64_t r = begin; r < last; ++r) {
      const auto at = static_cast<std::size_t>(r);
      const FrocCurve other = curve_of(ResampleIndices(curve.num_exams, r, options));
      for (std::size_t i = 0; i < num_points; ++i) {
        values[i][at] = SensitivityAt(other, curve.points[i].fp_per_exam);
      }
      values[num_points][at] = FrocArea(other, limit_fp, end);
      values[num_points + 1][at] = MeanSensitivity(other);
      for (std::size_t k = 0; k < kReportedFp.size(); ++k) {
        values[num_points + 2 + k][at] = SensitivityAt(other, kReportedFp[k]);
      }
    }
  });
  for (std::size_t i = 1; i < num_points; ++i) {
    curve.points[i].band = PercentileInterval(values[i], options.confidence);
  }
  FrocIntervals intervals{
      .area = PercentileInterval(values[num_points], options.confidence),
      .mean_sensitivity = PercentileInterval(values[num_points + 1], options.confidence)};
  for (std::size_t k = 0; k < kReportedFp.size(); ++k) {
    intervals.at_reported_fp[k] =
        PercentileInterval(values[num_points + 2 + k], options.confidence);
  }
  return intervals;
}

}  // namespace sap::eval
