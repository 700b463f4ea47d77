// SPDX-License-Identifier: Apache-2.0
// A report of sections, tables and pictures as one HTML page that needs no other file.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace sap::eval {

// A picture still to be drawn: NAME.gp, which gnuplot turns into NAME.svg and NAME.pdf, and its
// data NAME_*.csv.
struct Figure {
  std::string name;
  std::string title;
  std::string caption;  // how to read it
  std::map<std::string, std::string> files;
};

struct ReportPicture {
  std::string title;
  std::string caption;
  std::string bytes;  // of an SVG or a PNG file
};

// Pictures that stand beside each other, as far as the page is wide enough.
struct PictureRow {
  std::string title;
  std::vector<ReportPicture> pictures;
};

struct ReportSection {
  std::string title;
  std::string note;             // what the reader may and may not conclude; may be empty
  std::string markdown;         // pipe tables, and paragraphs between them
  std::vector<Figure> figures;  // whoever draws them adds them to `rows`
  std::vector<PictureRow> rows;
};

struct ReportHead {
  std::string title;
  std::vector<std::pair<std::string, std::string>> facts;  // name and value, at the top
  std::vector<std::string> notes;                          // what the numbers can and cannot say
};

// `record` (rules, options, provenance) stands folded at the end. The page has no link to another
// file and no date: the same input gives the same bytes.
std::string ReportHtml(const ReportHead& head,
                       const std::vector<ReportSection>& sections,
                       const nlohmann::json& record);

}  // namespace sap::eval
