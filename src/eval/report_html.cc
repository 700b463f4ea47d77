// SPDX-License-Identifier: Apache-2.0
#include <sstream>

#include <nlohmann/json.hpp>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/report_compare.h"

namespace sap::eval {
namespace {

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

// A pipe table of ours (no cell holds a pipe) as an HTML table.
std::string HtmlTable(const std::string& markdown) {
  std::istringstream lines(markdown);
  std::string html = "<table>\n";
  std::string line;
  for (int number = 0; std::getline(lines, line); ++number) {
    if (number == 1 || line.empty()) continue;  // the rule below the header
    const char* tag = number == 0 ? "th" : "td";
    html += "<tr>";
    std::istringstream cells(line.substr(1));
    for (std::string cell; std::getline(cells, cell, '|');) {
      html += fmt::format("<{0}>{1}</{0}>", tag, Escaped(cell));
    }
    html += "</tr>\n";
  }
  return html + "</table>\n";
}

std::string TestsTable(const Comparison& comparison) {
  Table table({"metric", "pair", "test", "n", "p", "p (Bonferroni)", "p (Holm)", ""});
  for (const MetricComparison& row : comparison.metrics) {
    for (const PairTest& t : row.tests) {
      table.AddRow({row.metric.title,
                    comparison.method_names[t.first] + " / " + comparison.method_names[t.second],
                    t.name + ", " + t.test.method,
                    fmt::format("{}, {}", t.n_first, t.n_second),
                    fmt::format("{:.3g}", t.test.p),
                    fmt::format("{:.3g}", t.adjusted_p),
                    fmt::format("{:.3g}", t.holm_p),
                    Stars(t.adjusted_p)});
    }
  }
  return table.NumRows() == 0 ? "" : HtmlTable(table.Markdown());
}

std::string AgreementTable(const Comparison& comparison,
                           const std::vector<MethodCurves>& curves,
                           const FrocOptions& options) {
  Table table({"method",
               "FROC area, all",
               "FROC area, large",
               "ICC(2,1) of volume",
               "95 % interval",
               "ICC(C,1)",
               "bias [mL]",
               "limits of agreement [mL]"});
  for (std::size_t m = 0; m < curves.size(); ++m) {
    const IccResult& icc = comparison.volume_icc[m];
    const BlandAltman& ba = comparison.volume_difference[m];
    table.AddRow({curves[m].name,
                  ShortCell(FrocArea(curves[m].all, options.limit_all_fp, options.end)),
                  ShortCell(FrocArea(curves[m].large, options.limit_large_fp, options.end)),
                  ShortCell(icc.icc),
                  ShortCell(icc.low) + "-" + ShortCell(icc.high),
                  ShortCell(icc.icc_consistency),
                  ShortCell(ba.bias),
                  ShortCell(ba.low) + " to " + ShortCell(ba.high)});
  }
  return HtmlTable(table.Markdown());
}

}  // namespace

std::string ReportHtml(const Comparison& comparison,
                       const std::vector<MethodCurves>& curves,
                       const FrocOptions& options,
                       const std::vector<ReportSection>& sections,
                       const nlohmann::json& rules,
                       const std::vector<std::pair<std::string, std::string>>& svg) {
  std::string html =
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Evaluation</title>\n"
      "<style>body{font-family:sans-serif;max-width:70em;margin:2em auto;padding:0 1em}"
      "table{border-collapse:collapse;margin:1em 0}th,td{border:1px solid #bbb;padding:.2em .6em;"
      "text-align:left}pre{background:#f4f4f4;padding:1em;overflow:auto}"
      "svg{max-width:100%;height:auto}</style></head><body>\n<h1>Evaluation</h1>\n"
      "<p>Median [95 % bootstrap interval] (quartiles), one value per exam; per detected lesion "
      "for Dice and NSD of detected lesions.</p>\n";
  html += HtmlTable(Table1(comparison, TableFormat::kMarkdown));
  if (const std::string tests = TestsTable(comparison); !tests.empty()) {
    html += "<h2>Tests between methods</h2>\n" + tests;
  }
  html += "<h2>Curves and volumes</h2>\n" + AgreementTable(comparison, curves, options);
  for (const ReportSection& section : sections) {
    html += "<h2>" + Escaped(section.title) + "</h2>\n";
    if (!section.note.empty()) html += "<p>" + Escaped(section.note) + "</p>\n";
    html += HtmlTable(section.markdown);
  }
  if (!svg.empty()) html += "<h2>Figures</h2>\n";
  for (const auto& [title, picture] : svg) {
    // An XML declaration has no place inside a page.
    const std::size_t begin = picture.find("<svg");
    html += "<h3>" + Escaped(title) + "</h3>\n" +
            (begin == std::string::npos ? "" : picture.substr(begin)) + "\n";
  }
  return html + "<h2>Rules and record</h2>\n<pre>" + Escaped(rules.dump(2)) +
         "</pre>\n</body></html>\n";
}

}  // namespace sap::eval
