// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/sensitivity.h"

namespace sap::eval {
namespace {

// Differences of means of equal numbers can be a last bit.
bool Differs(double a, double b) {
  return std::isnan(a) != std::isnan(b) || std::abs(a - b) > 1e-12;
}

std::string CellOf(double value, double chosen) {
  if (std::isnan(value) || std::isnan(chosen) || !Differs(value, chosen)) return ShortCell(value);
  return fmt::format("{} ({:+.3f})", ShortCell(value), value - chosen);
}

// Rules with their value, over all methods, in the order of the first method's rows.
void AddRowsOf(const MethodSensitivity& method, std::size_t r, Table& table) {
  const SensitivityRow& row = method.rows[r];
  std::vector<std::string> cells = {row.id, row.choice, row.value, method.name};
  for (std::size_t i = 0; i < row.numbers.size(); ++i) {
    cells.push_back(CellOf(row.numbers[i], method.rows[0].numbers[i]));
  }
  table.AddRow(std::move(cells));
}

std::string StarsOf(double p) {
  return std::isnan(p) ? "-" : Stars(p);
}

// The rows of one alternative, in order.
struct Alternative {
  const StatisticRow* first;
  std::vector<const StatisticRow*> rows;
};

std::vector<Alternative> Alternatives(const std::vector<StatisticRow>& statistics) {
  std::vector<Alternative> alternatives;
  for (const StatisticRow& row : statistics) {
    const bool is_new = alternatives.empty() || alternatives.back().first->id != row.id ||
                        alternatives.back().first->value != row.value;
    if (is_new) alternatives.push_back({&row, {}});
    alternatives.back().rows.push_back(&row);
  }
  return alternatives;
}

std::string Text(const StatisticRow& row) {
  return fmt::format(
      "{}, {}: {} to {}", row.of, row.number, ShortCell(row.chosen), ShortCell(row.alternative));
}

// Tests whose stars change, or the interval end that moves farthest.
std::string Change(const Alternative& alternative) {
  std::vector<std::string> changes;
  const StatisticRow* farthest = nullptr;
  for (const StatisticRow* row : alternative.rows) {
    if (row->number.ends_with(" p")) {
      if (StarsOf(row->chosen) != StarsOf(row->alternative)) {
        changes.push_back(fmt::format(
            "{} ({} to {})", Text(*row), StarsOf(row->chosen), StarsOf(row->alternative)));
      }
      continue;
    }
    const double moved = std::abs(row->alternative - row->chosen);
    if (!std::isnan(moved) &&
        (farthest == nullptr || moved > std::abs(farthest->alternative - farthest->chosen))) {
      farthest = row;
    }
  }
  if (farthest != nullptr) changes.push_back("farthest: " + Text(*farthest));
  return changes.empty() ? "no star changes" : fmt::format("{}", fmt::join(changes, "; "));
}

}  // namespace

std::string SensitivityCsv(const std::vector<MethodSensitivity>& methods,
                           const std::vector<StatisticRow>& statistics) {
  Table table({"id", "choice", "value", "method", "number", "result", "chosen", "difference"});
  const auto& names = HeadlineNames();
  for (const MethodSensitivity& method : methods) {
    for (const SensitivityRow& row : method.rows) {
      for (std::size_t i = 0; i < names.size(); ++i) {
        const double chosen = method.rows[0].numbers[i];
        table.AddRow({row.id,
                      row.choice,
                      row.value,
                      method.name,
                      names[i],
                      Cell(row.numbers[i]),
                      Cell(chosen),
                      Cell(row.numbers[i] - chosen)});
      }
    }
  }
  for (const StatisticRow& row : statistics) {
    table.AddRow({row.id,
                  row.choice,
                  row.value,
                  row.of,
                  row.number,
                  Cell(row.alternative),
                  Cell(row.chosen),
                  Cell(row.alternative - row.chosen)});
  }
  return table.Csv();
}

ReportSection SensitivitySection(const std::vector<MethodSensitivity>& methods) {
  std::vector<std::string> header = {"id", "choice", "value", "method"};
  const auto& names = HeadlineNames();
  header.insert(header.end(), names.begin(), names.end());
  Table table(header);
  for (std::size_t r = 0; r < methods[0].rows.size(); ++r) {
    for (const MethodSensitivity& method : methods) AddRowsOf(method, r, table);
  }
  return {.title = "How the numbers move with the open choices",
          .note =
              "One choice made otherwise at a time, the difference to the chosen rules in "
              "brackets; a number without brackets does not move, - has no value. Medians over "
              "exams or detected lesions as in Table 1, means over exams for large lesions, "
              "area of the FROC curve of all lesions. The threshold is that of the chosen "
              "rules everywhere.",
          .markdown = table.Markdown()};
}

ReportSection StatisticsSection(const std::vector<StatisticRow>& statistics) {
  Table table({"id", "choice", "value", "numbers", "moved", "what moves most"});
  for (const Alternative& alternative : Alternatives(statistics)) {
    const auto moved = std::count_if(
        alternative.rows.begin(), alternative.rows.end(), [](const StatisticRow* row) {
          return Differs(row->chosen, row->alternative);
        });
    table.AddRow({alternative.first->id,
                  alternative.first->choice,
                  alternative.first->value,
                  fmt::format("{}", alternative.rows.size()),
                  fmt::format("{}", moved),
                  Change(alternative)});
  }
  return {.title = "How intervals and tests move with the open choices",
          .note =
              "Interval ends of every metric and method, and adjusted p of every test; "
              "sensitivity.csv has each of them.",
          .markdown = table.Markdown()};
}

std::string SensitivityMarkdown(const std::vector<ReportSection>& sections) {
  std::string text;
  for (const ReportSection& section : sections) {
    text += fmt::format("## {}\n\n{}\n\n{}\n", section.title, section.note, section.markdown);
  }
  return text;
}

}  // namespace sap::eval
