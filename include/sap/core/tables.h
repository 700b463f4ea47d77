// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace sap {

// A table of text cells, written as CSV (RFC 4180) or Markdown.
class Table {
 public:
  explicit Table(std::vector<std::string> header) : header_(std::move(header)) {}
  void AddRow(std::vector<std::string> cells);  // SAP_CHECK: as many cells as the header
  std::string Csv() const;
  std::string Markdown() const;  // columns padded, so that it reads well as plain text
  std::size_t NumRows() const { return rows_.size(); }

 private:
  std::vector<std::string> header_;
  std::vector<std::vector<std::string>> rows_;
};

// Rows of a CSV text, header included; quotes as RFC 4180. Throws kInput with the line number.
std::vector<std::vector<std::string>> ParseCsv(const std::string& text);

}  // namespace sap
