// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/report_html.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "eval/html_text.h"

namespace sap::eval {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

std::string Page(const ReportSection& section) {
  return ReportHtml({.title = "a<b", .facts = {{"Exams", "3 & more"}}, .notes = {"few"}},
                    {section},
                    {{"rule", "x > y"}});
}

TEST(Base64, GivesTheVectorsOfRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, encoded] : vectors) EXPECT_EQ(Base64(plain), encoded);
  EXPECT_EQ(Base64("\xFF\xFE\x80"), "//6A");
}

TEST(ReportHtml, EscapesTextEverywhere) {
  const std::string page = Page({.title = "Lesions & bones",
                                 .note = "p < 0.05",
                                 .markdown = "| \"t\" |\n|---|\n| <i> |\n\nafter > it\n"});
  EXPECT_THAT(page, HasSubstr("<title>a&lt;b</title>"));
  EXPECT_THAT(page, HasSubstr("<dd>3 &amp; more</dd>"));
  EXPECT_THAT(page, HasSubstr(">Lesions &amp; bones</h2>"));
  EXPECT_THAT(page, HasSubstr("p &lt; 0.05"));
  EXPECT_THAT(page, HasSubstr("<th>&quot;t&quot;</th>"));
  EXPECT_THAT(page, HasSubstr("<td>&lt;i&gt;</td>"));
  EXPECT_THAT(page, HasSubstr("<p>after &gt; it</p>"));
  EXPECT_THAT(page, HasSubstr("x &gt; y"));
}

TEST(ReportHtml, NeedsNoOtherFile) {
  ReportSection section{.title = "Pictures"};
  section.rows.push_back({.title = "row",
                          .pictures = {{.title = "one",
                                        .caption = "as \"drawn\"",
                                        .bytes = "<?xml?><svg viewBox=\"0 0 340 300\"></svg>"},
                                       {.title = "two", .bytes = "\x89PNG-"}}});
  const std::string page = Page(section);
  EXPECT_THAT(page, HasSubstr("width=\"340\" src=\"data:image/svg+xml;base64,PD94"));
  EXPECT_THAT(page, HasSubstr("src=\"data:image/png;base64,iVBORy0=\""));
  EXPECT_THAT(page, HasSubstr("as &quot;drawn&quot;"));
  EXPECT_THAT(page, Not(ContainsRegex("(src|href)=\"[^d#]")));
  EXPECT_THAT(page, Not(HasSubstr("<script")));
  EXPECT_THAT(page, Not(HasSubstr("@import")));
}

TEST(ReportHtml, EachEntryOfTheContentsHasItsSection) {
  const std::string page =
      ReportHtml({.title = "t", .notes = {"note"}}, {{.title = "first"}, {.title = "second"}}, {});
  for (const char* id : {"s1", "s2", "notes", "record"}) {
    EXPECT_THAT(page, HasSubstr(std::string("href=\"#") + id + "\""));
    EXPECT_THAT(page, HasSubstr(std::string("<h2 id=\"") + id + "\""));
  }
  EXPECT_LT(page.find("id=\"s1\""), page.find("id=\"notes\""));
  EXPECT_LT(page.find("id=\"notes\""), page.find("id=\"s2\""));
  EXPECT_THAT(page, HasSubstr("<details>"));
}

TEST(HtmlFromMarkdown, NumbersStandToTheRight) {
  const std::string html = HtmlFromMarkdown(
      "| name | value | mixed | gap |\n| --- | --- | --- | --- |\n"
      "| 3 or x | 0.5 [0.1-0.9] | 1 | - |\n| b | -2 | n.s. | < 0.001 |\n");
  EXPECT_THAT(html, HasSubstr("<th class=\"num\">value</th><th>mixed</th><th class=\"num\">gap"));
  EXPECT_THAT(html, HasSubstr("<td class=\"num\">-2</td><td>n.s.</td>"));
  EXPECT_THAT(html, Not(HasSubstr("---")));
  EXPECT_THAT(html, HasSubstr("<div class=\"scroll\"><table>"));
}

TEST(HtmlFromMarkdown, QuartilesMayStandBelowTheMedian) {
  const std::string html =
      HtmlFromMarkdown("| metric | a |\n|---|---|\n| F2 | 0.4 [0.1-0.6] (0.2-0.5) |\n");
  EXPECT_THAT(html,
              HasSubstr("<td class=\"num two\"><span>0.4 [0.1-0.6]</span> "
                        "<span>(0.2-0.5)</span></td>"));
}

TEST(HtmlFromMarkdown, HeadingsMayBreakBetweenWords) {
  const std::string html = HtmlFromMarkdown("| case | fp_per_exam |\n|---|---|\n| P_1 | 2 |\n");
  EXPECT_THAT(html, HasSubstr("<th class=\"num\">fp per exam</th>"));
  EXPECT_THAT(html, HasSubstr("<td>P_1</td>"));
}

TEST(HtmlFromMarkdown, TablesAndParagraphsAlternate) {
  const std::string html =
      HtmlFromMarkdown("one\ntwo\n| a |\n|---|\n| b |\nthree\n\n| c |\n|---|\n");
  const std::size_t first = html.find("<p>one two</p>");
  const std::size_t second = html.find("<td>b</td>");
  const std::size_t third = html.find("<p>three</p>");
  const std::size_t fourth = html.find("<th>c</th>");
  EXPECT_LT(first, second);
  EXPECT_LT(second, third);
  EXPECT_LT(third, fourth);
  EXPECT_NE(fourth, std::string::npos);
}

}  // namespace
}  // namespace sap::eval
