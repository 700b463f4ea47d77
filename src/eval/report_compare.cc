// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report_compare.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/tables.h"

namespace sap::eval {
namespace {

using nlohmann::json;

std::string Table1Cell(const MethodValues& values) {
  const Distribution& d = values.distribution;
  if (std::isnan(d.median)) return "-";
  return fmt::format("{} [{}] ({})",
                     ShortCell(d.median),
                     RangeText(values.bootstrap.low, values.bootstrap.high),
                     RangeText(d.q25, d.q75));
}

std::string Table1Csv(const Comparison& comparison) {
  Table table({"section",
               "metric",
               "unit",
               "method",
               "n",
               "n_excluded",
               "median",
               "ci_low",
               "ci_high",
               "exact_low",
               "exact_high",
               "q25",
               "q75",
               "mean",
               "shapiro_w",
               "shapiro_p"});
  for (const MetricComparison& row : comparison.metrics) {
    for (std::size_t m = 0; m < row.methods.size(); ++m) {
      const MethodValues& v = row.methods[m];
      const Distribution& d = v.distribution;
      const bool tested = v.normality.w > 0;
      table.AddRow({row.metric.section,
                    row.metric.name,
                    row.metric.per_lesion ? "lesion" : "exam",
                    comparison.method_names[m],
                    fmt::format("{}", d.n),
                    fmt::format("{}", d.n_excluded),
                    Cell(d.median),
                    Cell(v.bootstrap.low),
                    Cell(v.bootstrap.high),
                    Cell(v.exact.low),
                    Cell(v.exact.high),
                    Cell(d.q25),
                    Cell(d.q75),
                    Cell(d.mean),
                    tested ? Cell(v.normality.w) : "",
                    tested ? Cell(v.normality.p) : ""});
    }
  }
  return table.Csv();
}

std::string LatexText(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\') {
      escaped += "\\textbackslash{}";
    } else if (c == '~' || c == '^') {
      escaped += fmt::format("\\{}{{}}", c);
    } else if (c == '<' || c == '>') {
      escaped += fmt::format("${}$", c);
    } else {
      if (std::string("_%&#${}").find(c) != std::string::npos) escaped += '\\';
      escaped += c;
    }
  }
  return escaped;
}

// Quartiles stand below the median: three methods beside each other then fit a page of one column.
std::string Table1Latex(const Comparison& comparison) {
  std::string text = fmt::format(
      "\\begingroup\\footnotesize\\setlength{{\\tabcolsep}}{{2.5pt}}\\noindent\n"
      "\\begin{{tabular}}{{l{}}}\n\\hline\nMetric",
      std::string(comparison.method_names.size(), 'c'));
  for (const std::string& name : comparison.method_names) text += " & " + LatexText(name);
  text += " \\\\\n\\hline\n";
  for (const MetricComparison& row : comparison.metrics) {
    text += LatexText(row.metric.title);
    for (const MethodValues& v : row.methods) {
      if (std::isnan(v.distribution.median)) {
        text += " & --";
        continue;
      }
      text += fmt::format(" & {} [{}--{}]",
                          ShortCell(v.distribution.median),
                          ShortCell(v.bootstrap.low),
                          ShortCell(v.bootstrap.high));
    }
    text += " \\\\\n";
    for (const MethodValues& v : row.methods) {
      const Distribution& d = v.distribution;
      text += std::isnan(d.median) ? " & "
                                   : fmt::format(" & ({}--{})", ShortCell(d.q25), ShortCell(d.q75));
    }
    text += " \\\\\n";
  }
  return text + "\\hline\n\\end{tabular}\n\\endgroup\n";
}

std::string Table1Markdown(const Comparison& comparison) {
  std::vector<std::string> header = {"metric"};
  for (const std::string& name : comparison.method_names) header.push_back(name);
  Table table(header);
  for (const MetricComparison& row : comparison.metrics) {
    std::vector<std::string> cells = {row.metric.title};
    for (const MethodValues& values : row.methods) cells.push_back(Table1Cell(values));
    table.AddRow(std::move(cells));
  }
  return table.Markdown();
}

json IntervalJson(const Interval& interval) {
  return {Number(interval.low), Number(interval.high)};
}

}  // namespace

std::string Table1(const Comparison& comparison, TableFormat format) {
  switch (format) {
    case TableFormat::kCsv:
      return Table1Csv(comparison);
    case TableFormat::kLatex:
      return Table1Latex(comparison);
    case TableFormat::kMarkdown:
      return Table1Markdown(comparison);
  }
  return "";
}

std::string TestsCsv(const Comparison& comparison) {
  Table table({"metric",
               "first",
               "second",
               "test",
               "method",
               "n_first",
               "n_second",
               "n_zero",
               "statistic",
               "p",
               "bonferroni_tests",
               "p_bonferroni",
               "p_holm",
               "stars",
               "median_difference_low",
               "median_difference_high"});
  for (const MetricComparison& row : comparison.metrics) {
    const int64_t asked = comparison.options.bonferroni_tests;
    for (const PairTest& pair : row.tests) {
      table.AddRow({row.metric.name,
                    comparison.method_names[pair.first],
                    comparison.method_names[pair.second],
                    pair.name,
                    pair.test.method,
                    fmt::format("{}", pair.n_first),
                    fmt::format("{}", pair.n_second),
                    fmt::format("{}", pair.test.n_zero),
                    Cell(pair.test.statistic),
                    Cell(pair.test.p),
                    fmt::format("{}", asked > 0 ? asked : std::ssize(row.tests)),
                    Cell(pair.adjusted_p),
                    Cell(pair.holm_p),
                    std::isnan(pair.adjusted_p) ? "" : Stars(pair.adjusted_p),
                    Cell(pair.difference.low),
                    Cell(pair.difference.high)});
    }
  }
  return table.Csv();
}

json ComparisonJson(const Comparison& comparison) {
  json result;
  for (const MetricComparison& row : comparison.metrics) {
    json& metric = result["table1"][row.metric.section][row.metric.name];
    for (std::size_t m = 0; m < row.methods.size(); ++m) {
      json& entry = metric[comparison.method_names[m]];
      entry = DistributionJson(row.methods[m].distribution);
      entry["ci95"] = IntervalJson(row.methods[m].bootstrap);
      entry["ci95_exact"] = IntervalJson(row.methods[m].exact);
    }
  }
  for (std::size_t m = 0; m < comparison.method_names.size(); ++m) {
    const IccResult& icc = comparison.volume_icc[m];
    const BlandAltman& difference = comparison.volume_difference[m];
    result["total_volume"][comparison.method_names[m]] = {
        {"icc_2_1", Number(icc.icc)},
        {"icc_2_1_ci95", {Number(icc.low), Number(icc.high)}},
        {"icc_c_1", Number(icc.icc_consistency)},
        {"bias_ml", Number(difference.bias)},
        {"limits_of_agreement_ml", {Number(difference.low), Number(difference.high)}}};
  }
  result["bootstrap"] = {{"resamples", comparison.options.bootstrap_resamples},
                         {"seed", comparison.options.seed},
                         {"interval", "percentile"},
                         {"wilcoxon", EnumName(comparison.options.wilcoxon)}};
  return result;
}

}  // namespace sap::eval
