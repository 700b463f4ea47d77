// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report_html.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "eval/html_text.h"
#include "eval/report_style.h"

namespace sap::eval {
namespace {

constexpr int kSmallPx = 480;

// The picture's own width in pixels; 0: not known. A browser would stretch an SVG without it.
int WidthOf(const std::string& bytes) {
  if (bytes.starts_with("\x89PNG") && bytes.size() >= 20) {
    int width = 0;
    for (std::size_t i = 16; i < 20; ++i) width = width << 8 | static_cast<uint8_t>(bytes[i]);
    return width;
  }
  const std::size_t at = bytes.find("viewBox=\"0 0 ");
  return at == std::string::npos ? 0 : std::atoi(bytes.c_str() + at + 13);
}

std::string Picture(const ReportPicture& picture) {
  const int width = WidthOf(picture.bytes);
  return fmt::format(
      "<figure{}><div class=\"scroll\"><img alt=\"{}\"{} src=\"{}\"></div>"
      "<figcaption><b>{}</b>{}{}</figcaption></figure>\n",
      width > 0 ? fmt::format(" style=\"width:{}px\"", width) : "",
      EscapedHtml(picture.title),
      width > 0 ? fmt::format(" width=\"{}\"", width) : "",
      DataUri(picture.bytes),
      EscapedHtml(picture.title),
      picture.title.empty() || picture.caption.empty() ? "" : ". ",
      EscapedHtml(picture.caption));
}

// On paper three small pictures stand beside each other; a wide one takes the whole width.
bool IsSmall(const PictureRow& row) {
  return std::all_of(row.pictures.begin(), row.pictures.end(), [](const ReportPicture& picture) {
    return WidthOf(picture.bytes) <= kSmallPx;
  });
}

std::string Row(const PictureRow& row) {
  std::string html = row.title.empty() ? "" : "<h3>" + EscapedHtml(row.title) + "</h3>\n";
  html += fmt::format("<div class=\"row{}\">\n", IsSmall(row) ? " small" : "");
  for (const ReportPicture& picture : row.pictures) html += Picture(picture);
  return html + "</div>\n";
}

std::string Paragraph(const std::string& text, const char* kind) {
  return text.empty() ? "" : fmt::format("<p class=\"{}\">{}</p>\n", kind, EscapedHtml(text));
}

// Sections of many pictures begin a sheet of paper.
std::string Section(const ReportSection& section, std::size_t number) {
  std::size_t num_pictures = 0;
  for (const PictureRow& row : section.rows) num_pictures += row.pictures.size();
  std::string html = fmt::format("<section{}><h2 id=\"s{}\">{}</h2>\n",
                                 num_pictures > 3 ? " class=\"fresh\"" : "",
                                 number,
                                 EscapedHtml(section.title));
  html += Paragraph(section.note, "note") + HtmlFromMarkdown(section.markdown);
  for (const PictureRow& row : section.rows) html += Row(row);
  return html + "</section>\n";
}

std::string Head(const ReportHead& head) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
      "<title>{0}</title>\n<style>{1}</style></head>\n<body>\n<h1>{0}</h1>\n",
      EscapedHtml(head.title),
      kReportStyle);
  if (!head.facts.empty()) html += "<dl class=\"facts\">\n";
  for (const auto& [name, value] : head.facts) {
    html += fmt::format("<dt>{}</dt><dd>{}</dd>\n", EscapedHtml(name), EscapedHtml(value));
  }
  return html + (head.facts.empty() ? "" : "</dl>\n");
}

std::string Notes(const std::vector<std::string>& notes) {
  if (notes.empty()) return "";
  std::string html = "<section><h2 id=\"notes\">What these numbers can and cannot say</h2>\n<ul>\n";
  for (const std::string& note : notes) html += "<li>" + EscapedHtml(note) + "</li>\n";
  return html + "</ul></section>\n";
}

}  // namespace

std::string ReportHtml(const ReportHead& head,
                       const std::vector<ReportSection>& sections,
                       const nlohmann::json& record) {
  std::string html = Head(head) + "<nav aria-label=\"Contents\"><ol>\n";
  const auto entry = [&](const std::string& id, const std::string& title) {
    html += fmt::format("<li><a href=\"#{}\">{}</a></li>\n", id, EscapedHtml(title));
  };
  for (std::size_t s = 0; s < sections.size(); ++s) {
    entry(fmt::format("s{}", s + 1), sections[s].title);
    if (s == 0 && !head.notes.empty()) entry("notes", "What these numbers can and cannot say");
  }
  entry("record", "Rules and record");
  html += "</ol></nav>\n";
  for (std::size_t s = 0; s < sections.size(); ++s) {
    html += Section(sections[s], s + 1);
    if (s == 0) html += Notes(head.notes);
  }
  return html + fmt::format(
                    "<section><h2 id=\"record\">Rules and record</h2>\n<details>"
                    "<summary>All rules, options and versions behind this page</summary>\n"
                    "<pre>{}</pre></details></section>\n</body></html>\n",
                    EscapedHtml(record.dump(2)));
}

}  // namespace sap::eval
