// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/burden.h"

#include <cmath>
#include <limits>

#include <boost/math/distributions/fisher_f.hpp>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

struct MeanSquares {
  double rows = 0;
  double columns = 0;
  double error = 0;
};

MeanSquares TwoWay(const std::vector<std::vector<double>>& ratings, double n, double k) {
  std::vector<double> column_mean(ratings[0].size(), 0.0);
  std::vector<double> row_mean;
  double grand = 0;
  for (const auto& row : ratings) {
    SAP_CHECK(row.size() == column_mean.size(), "{} of {} raters", row.size(), column_mean.size());
    double sum = 0;
    for (std::size_t j = 0; j < row.size(); ++j) {
      sum += row[j];
      column_mean[j] += row[j] / n;
    }
    row_mean.push_back(sum / k);
    grand += sum / (n * k);
  }
  MeanSquares ms;
  for (std::size_t i = 0; i < ratings.size(); ++i) {
    ms.rows += k * (row_mean[i] - grand) * (row_mean[i] - grand) / (n - 1);
    for (std::size_t j = 0; j < column_mean.size(); ++j) {
      const double residual = ratings[i][j] - row_mean[i] - column_mean[j] + grand;
      ms.error += residual * residual / ((n - 1) * (k - 1));
    }
  }
  for (const double mean : column_mean) ms.columns += n * (mean - grand) * (mean - grand) / (k - 1);
  return ms;
}

// McGraw and Wong 1996, table 7, case 2A (§2.7).
void SetInterval(IccResult& r, double n, double k, double confidence) {
  const double a = k * r.icc / (n * (1 - r.icc));
  const double b = 1 + k * r.icc * (n - 1) / (n * (1 - r.icc));
  const double columns = a * r.ms_columns;
  const double error = b * r.ms_error;
  const double v = (columns + error) * (columns + error) /
                   (columns * columns / (k - 1) + error * error / ((n - 1) * (k - 1)));
  if (!(v > 0) || !std::isfinite(v)) return;
  const double upper = 0.5 * (1 + confidence);
  const double f_low = quantile(boost::math::fisher_f(n - 1, v), upper);
  const double f_high = quantile(boost::math::fisher_f(v, n - 1), upper);
  const double spread = k * r.ms_columns + (k * n - k - n) * r.ms_error;
  const double low = n * (r.ms_rows - f_low * r.ms_error) / (f_low * spread + n * r.ms_rows);
  const double high = n * (f_high * r.ms_rows - r.ms_error) / (spread + n * f_high * r.ms_rows);
  if (!(low <= r.icc && r.icc <= high)) return;
  r.low = low;
  r.high = high;
}

}  // namespace

IccResult IntraclassCorrelation(const std::vector<std::vector<double>>& ratings,
                                double confidence) {
  SAP_REQUIRE(ErrorKind::kInput,
              ratings.size() >= 2 && ratings[0].size() >= 2,
              "an intraclass correlation needs 2 subjects and 2 raters or more; {} subjects are "
              "given, so leave it out",
              ratings.size());
  const auto n = static_cast<double>(ratings.size());
  const auto k = static_cast<double>(ratings[0].size());
  const MeanSquares ms = TwoWay(ratings, n, k);
  IccResult r{.low = kNaN,
              .high = kNaN,
              .ms_rows = ms.rows,
              .ms_columns = ms.columns,
              .ms_error = ms.error};
  const double between = ms.rows + (k - 1) * ms.error;
  r.icc = (ms.rows - ms.error) / (between + k / n * (ms.columns - ms.error));
  r.icc_consistency = (ms.rows - ms.error) / between;
  if (ms.error == 0.0 && ms.columns == 0.0 && ms.rows > 0) {
    r.low = r.high = 1.0;
  } else if (!std::isnan(r.icc)) {
    SetInterval(r, n, k, confidence);
  }
  return r;
}

IccResult IntraclassCorrelation(std::span<const double> x, std::span<const double> y) {
  SAP_CHECK(x.size() == y.size(), "{} values against {}", x.size(), y.size());
  std::vector<std::vector<double>> ratings;
  for (std::size_t i = 0; i < x.size(); ++i) ratings.push_back({x[i], y[i]});
  return IntraclassCorrelation(ratings);
}

BlandAltman BlandAltmanLimits(std::span<const double> x, std::span<const double> y) {
  SAP_CHECK(x.size() == y.size(), "{} values against {}", x.size(), y.size());
  if (x.empty()) return {kNaN, kNaN, kNaN, kNaN};
  const auto n = static_cast<double>(x.size());
  BlandAltman result;
  for (std::size_t i = 0; i < x.size(); ++i) result.bias += (y[i] - x[i]) / n;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double away = y[i] - x[i] - result.bias;
    result.sd += away * away;
  }
  result.sd = x.size() > 1 ? std::sqrt(result.sd / (n - 1)) : kNaN;
  result.low = result.bias - 1.96 * result.sd;
  result.high = result.bias + 1.96 * result.sd;
  return result;
}

}  // namespace sap::eval
