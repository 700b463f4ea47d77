// SPDX-License-Identifier: Apache-2.0
#include "sap/core/tables.h"

#include <algorithm>

#include <fmt/format.h>

#include "sap/core/error.h"

namespace sap {
namespace {

std::string Quoted(const std::string& cell) {
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string text = "\"";
  for (const char c : cell) text += c == '"' ? "\"\"" : std::string(1, c);
  return text + "\"";
}

std::string CsvLine(const std::vector<std::string>& cells) {
  std::vector<std::string> quoted;
  for (const std::string& cell : cells) quoted.push_back(Quoted(cell));
  return fmt::format("{}\n", fmt::join(quoted, ","));
}

}  // namespace

void Table::AddRow(std::vector<std::string> cells) {
  SAP_CHECK(cells.size() == header_.size(), "{} cells, {} columns", cells.size(), header_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Csv() const {
  std::string text = CsvLine(header_);
  for (const auto& row : rows_) text += CsvLine(row);
  return text;
}

std::string Table::Markdown() const {
  std::vector<std::size_t> widths;
  for (std::size_t c = 0; c < header_.size(); ++c) {
    std::size_t width = std::max<std::size_t>(header_[c].size(), 3);
    for (const auto& row : rows_) width = std::max(width, row[c].size());
    widths.push_back(width);
  }
  const auto line = [&](const std::vector<std::string>& cells) {
    std::string text = "|";
    for (std::size_t c = 0; c < cells.size(); ++c) {
      text += fmt::format(" {:<{}} |", cells[c], widths[c]);
    }
    return text + "\n";
  };
  std::string text = line(header_) + "|";
  for (const std::size_t width : widths) text += " " + std::string(width, '-') + " |";
  text += "\n";
  for (const auto& row : rows_) text += line(row);
  return text;
}

std::vector<std::vector<std::string>> ParseCsv(const std::string& text) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false;
  bool any = false;
  int line = 1;
  const auto end_row = [&] {
    row.push_back(std::move(cell));
    rows.push_back(std::move(row));
    cell.clear();
    row.clear();
    any = false;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n') ++line;
    if (quoted) {
      if (c != '"') {
        cell += c;
      } else if (i + 1 < text.size() && text[i + 1] == '"') {
        cell += text[++i];
      } else {
        quoted = false;
      }
    } else if (c == '"' && cell.empty()) {
      quoted = any = true;
    } else if (c == ',') {
      row.push_back(std::move(cell));
      cell.clear();
      any = true;
    } else if (c == '\n') {
      if (any || !cell.empty() || !row.empty()) end_row();
    } else if (c != '\r') {
      cell += c;
      any = true;
    }
  }
  SAP_REQUIRE(ErrorKind::kInput, !quoted, "CSV line {}: a quote is not closed", line);
  if (any || !cell.empty() || !row.empty()) end_row();
  return rows;
}

}  // namespace sap
