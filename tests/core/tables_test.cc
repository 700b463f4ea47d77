// SPDX-License-Identifier: Apache-2.0
#include "sap/core/tables.h"

#include <gtest/gtest.h>

#include "sap/core/error.h"

namespace sap {
namespace {

TEST(Table, CsvQuotesAndReadsBack) {
  Table table({"case", "note"});
  table.AddRow({"M001", "a, \"b\"\nc"});
  table.AddRow({"", "x"});
  const auto rows = ParseCsv(table.Csv());
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1][1], "a, \"b\"\nc");
  EXPECT_EQ(rows[2], (std::vector<std::string>{"", "x"}));
}

TEST(Table, MarkdownColumnsLineUp) {
  Table table({"case", "F2"});
  table.AddRow({"M001", "0.5"});
  EXPECT_EQ(table.Markdown(), "| case | F2  |\n| ---- | --- |\n| M001 | 0.5 |\n");
}

TEST(ParseCsv, NamesTheLineOfAnOpenQuote) {
  try {
    ParseCsv("a,b\n\"x,y\n");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kInput);
  }
}

}  // namespace
}  // namespace sap
