// SPDX-License-Identifier: Apache-2.0
#include "eval/html_text.h"

#include <algorithm>
#include <cstdint>
#include <sstream>
#include <vector>

#include <fmt/format.h>

namespace sap::eval {
namespace {

using Cells = std::vector<std::string>;

std::string Trimmed(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

// Cells between the bars; no cell of ours holds a bar.
Cells CellsOf(const std::string& line) {
  Cells cells;
  std::istringstream parts(line.substr(1));
  for (std::string cell; std::getline(parts, cell, '|');) cells.push_back(Trimmed(cell));
  return cells;
}

bool IsRule(const Cells& cells) {
  for (const std::string& cell : cells) {
    if (cell.find_first_not_of("-:") != std::string::npos || cell.empty()) return false;
  }
  return true;
}

bool StartsAsNumber(const std::string& cell) {
  return cell.find_first_of("0123456789") <= 2 && cell.find_first_of("0123456789-+<>") == 0;
}

// Numbers, and gaps between them, but not gaps alone.
bool IsNumeric(const std::vector<Cells>& rows, std::size_t column) {
  bool numbers = false;
  for (std::size_t r = 1; r < rows.size(); ++r) {
    const std::string cell = column < rows[r].size() ? rows[r][column] : "";
    const bool number = StartsAsNumber(cell);
    if (!number && !cell.empty() && cell != "-" && cell != "not reproduced here") return false;
    numbers = numbers || number;
  }
  return numbers;
}

// A heading that may break between its words.
std::string HeadHtml(std::string cell, bool numeric) {
  std::replace(cell.begin(), cell.end(), '_', ' ');
  return fmt::format("<th{}>{}</th>", numeric ? " class=\"num\"" : "", EscapedHtml(cell));
}

// "median [interval] (quartiles)" breaks before the quartiles where a screen is too narrow for all.
std::string CellHtml(const std::string& cell, bool numeric) {
  const std::size_t at = cell.find("] (");
  if (!numeric || at == std::string::npos) {
    return fmt::format("<td{}>{}</td>", numeric ? " class=\"num\"" : "", EscapedHtml(cell));
  }
  return fmt::format("<td class=\"num two\"><span>{}</span> <span>{}</span></td>",
                     EscapedHtml(cell.substr(0, at + 1)),
                     EscapedHtml(cell.substr(at + 2)));
}

std::string HtmlTable(const std::vector<Cells>& rows) {
  std::string html = "<div class=\"scroll\"><table>\n";
  for (std::size_t r = 0; r < rows.size(); ++r) {
    if (r < 2) html += r == 0 ? "<thead>\n" : "<tbody>\n";
    html += "<tr>";
    for (std::size_t c = 0; c < rows[r].size(); ++c) {
      const bool numeric = IsNumeric(rows, c);
      html += r == 0 ? HeadHtml(rows[r][c], numeric) : CellHtml(rows[r][c], numeric);
    }
    html += r == 0 ? "</tr>\n</thead>\n" : "</tr>\n";
  }
  return html + (rows.size() > 1 ? "</tbody>\n" : "") + "</table></div>\n";
}

}  // namespace

std::string EscapedHtml(const std::string& text) {
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
      case '"':
        escaped += "&quot;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string HtmlFromMarkdown(const std::string& markdown) {
  std::string html;
  std::vector<Cells> rows;
  std::string paragraph;
  const auto end_block = [&] {
    if (!rows.empty()) html += HtmlTable(rows);
    if (!paragraph.empty()) html += "<p>" + EscapedHtml(paragraph) + "</p>\n";
    rows.clear();
    paragraph.clear();
  };
  std::istringstream lines(markdown);
  for (std::string line; std::getline(lines, line);) {
    line = Trimmed(line);
    if (line.empty() || (line[0] == '|') != paragraph.empty()) end_block();
    if (line.empty()) continue;
    if (line[0] != '|') {
      paragraph += (paragraph.empty() ? "" : " ") + line;
      continue;
    }
    Cells cells = CellsOf(line);
    if (rows.size() == 1 && IsRule(cells)) continue;  // the rule below the header
    rows.push_back(std::move(cells));
  }
  end_block();
  return html;
}

std::string Base64(const std::string& bytes) {
  static constexpr char kDigits[] =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = group << 8 | (i + k < bytes.size() ? static_cast<uint8_t>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kDigits[group >> (18 - 6 * k) & 63U] : '=';
    }
  }
  return text;
}

std::string DataUri(const std::string& bytes) {
  const bool png = bytes.starts_with("\x89PNG");
  return fmt::format("data:image/{};base64,{}", png ? "png" : "svg+xml", Base64(bytes));
}

}  // namespace sap::eval
