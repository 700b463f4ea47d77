// SPDX-License-Identifier: Apache-2.0
#include "sap/core/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"

namespace sap {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

enum class Colour { kRed, kBlue };

struct Inner {
  bool squared = false;
  double weight = 1.5;
  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("squared", squared).Help("squared or not");
    v.Field("weight", weight).Help("a weight").Range(0.0, 2.0);
  }
};

struct Sample {
  std::string path;
  int64_t num_epochs = 10;
  Xyz<int64_t> roi{96, 96, 96};
  std::optional<double> rate;
  std::vector<std::string> names = {"T1", "b1000"};
  std::map<std::string, int> table;
  Colour colour = Colour::kRed;
  Inner loss;
  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("path", path).Help("a folder").Required();
    v.Field("num_epochs", num_epochs).Help("epochs").AtLeast(1);
    v.Field("roi_size", roi).Help("edges [voxels]").MultipleOf(32);
    v.Field("rate", rate).Help("a rate").Range(0, 1);
    v.Field("names", names).Help("channels");
    v.Field("table", table).Help("labels");
    v.Field("colour", colour).Help("a word");
    v.Group("loss", loss);
    v.Alias("max_epochs", "num_epochs");
  }
};

}  // namespace
}  // namespace sap

template <>
struct sap::EnumNames<sap::Colour> {
  static constexpr std::pair<sap::Colour, std::string_view> kNames[] = {
      {sap::Colour::kRed, "red"}, {sap::Colour::kBlue, "blue"}};
};

namespace sap {
namespace {

std::string FaultOf(const std::string& yaml) {
  Sample options;
  try {
    OptionTable(options).Read(ParseConfigText(yaml, "it.yaml"));
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kOption);
    EXPECT_EQ(ExitCode(error.kind()), 2);
    return error.what();
  }
  return "";
}

TEST(OptionTable, ReadsEveryKindOfValue) {
  Sample options;
  const auto notices = OptionTable(options).Read(
      ParseConfigText("path: here\nmax_epochs: 3\nroi_size: 64\nrate: 1e-3\nnames: [ADC]\n"
                      "table: {spine: 2}\ncolour: blue\nloss: {squared: true}\n",
                      "it.yaml"));
  EXPECT_EQ(options.path, "here");
  EXPECT_EQ(options.num_epochs, 3);
  EXPECT_EQ(options.roi, (Xyz<int64_t>{64, 64, 64}));
  EXPECT_DOUBLE_EQ(options.rate.value(), 1e-3);
  EXPECT_EQ(options.names, std::vector<std::string>{"ADC"});
  EXPECT_EQ(options.table.at("spine"), 2);
  EXPECT_EQ(options.colour, Colour::kBlue);
  EXPECT_TRUE(options.loss.squared);
  ASSERT_EQ(notices.size(), 1U);
  EXPECT_THAT(notices[0], AllOf(HasSubstr("max_epochs"), HasSubstr("num_epochs")));
}

TEST(OptionTable, ReportsAllFaultsAtOnceWithTheirPlace) {
  const std::string fault =
      FaultOf("num_epoch: 3\nroi_size: [96, 90, 96]\nrate: fast\nloss:\n  weight: 7\n");
  EXPECT_THAT(fault, HasSubstr("it.yaml:1:1: unknown key 'num_epoch'; did you mean 'num_epochs'?"));
  EXPECT_THAT(fault, HasSubstr("it.yaml:2:1: roi_size: [96, 90, 96] is not a positive multiple"));
  EXPECT_THAT(fault, HasSubstr("it.yaml:3:1: rate: expected a number, found \"fast\""));
  EXPECT_THAT(fault, HasSubstr("it.yaml:5:3: loss.weight: 7 is not 0 to 2"));
  EXPECT_THAT(fault, HasSubstr("path: missing"));
}

TEST(OptionTable, NamesTheGroupOfAMisplacedKey) {
  EXPECT_THAT(FaultOf("path: x\nsquared: true\n"), HasSubstr("did you mean 'loss.squared'?"));
}

TEST(OptionTable, QuotedNumberIsText) {
  EXPECT_THAT(FaultOf("path: x\nnum_epochs: \"3\"\n"), HasSubstr("expected a whole number"));
  EXPECT_EQ(FaultOf("path: \"3\"\n"), "");
}

TEST(OptionTable, WholeNumberMayBeWrittenAsExponent) {
  Sample options;
  OptionTable(options).Read(ParseConfigText("path: x\nnum_epochs: 1e3\n", "it.yaml"));
  EXPECT_EQ(options.num_epochs, 1000);
  EXPECT_THAT(FaultOf("path: x\nnum_epochs: 2.5\n"), HasSubstr("whole number"));
}

TEST(OptionTable, PrintedConfigReadsBackTheSame) {
  Sample options;
  options.path = "a: b # c";
  options.rate = 0.1;
  options.names = {"true", "1"};
  options.table = {{"x", 1}};
  const std::string yaml = OptionTable(options).Yaml();
  Sample again;
  OptionTable table(again);
  table.Read(ParseConfigText(yaml, "printed"));
  EXPECT_EQ(table.Yaml(), yaml);
  EXPECT_EQ(again.path, options.path);
  EXPECT_EQ(again.names, options.names);
}

TEST(OptionTable, SettingsWinOverTheFile) {
  ConfigNode config = ParseConfigText("path: x\nloss: {weight: 1}\n", "it.yaml");
  ApplySetting(config, "loss.weight=0.5");
  ApplySetting(config, "names=[a, b]");
  Sample options;
  OptionTable(options).Read(config);
  EXPECT_EQ(options.loss.weight, 0.5);
  EXPECT_EQ(options.names, (std::vector<std::string>{"a", "b"}));
}

TEST(OptionTable, HelpNamesDefaultRuleAndType) {
  Sample options;
  EXPECT_THAT(OptionTable(options).HelpText(),
              AllOf(HasSubstr("[96, 96, 96]"),
                    HasSubstr("multiple of 32"),
                    HasSubstr("(required)"),
                    HasSubstr("one of red, blue")));
}

std::string ParseFault(const std::string& yaml) {
  try {
    ParseConfigText(yaml, "it.yaml");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(ParseConfigText, RefusesWhatIsNotData) {
  EXPECT_THAT(ParseFault("a: !!python/object:os.system x\n"), HasSubstr("tag"));
  EXPECT_THAT(ParseFault("a: 1\na: 2\n"),
              HasSubstr("it.yaml:2:1: the key 'a' stands here a second"));
  EXPECT_THAT(ParseFault("a: [1\nb: 2\n"), HasSubstr("it.yaml:"));
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'j'; ++c) {
    bomb += fmt::format("{0}: &{0} [*{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}, *{1}]\n",
                        c,
                        static_cast<char>(c - 1));
  }
  EXPECT_THAT(ParseFault(bomb), HasSubstr("larger than"));
}

TEST(ParseConfigText, JsonIsYaml) {
  const ConfigNode node =
      ParseConfigText("{\"lr\": 1e-05, \"path\": null, \"on\": true}", "a.json");
  EXPECT_EQ(node.Find("lr")->scalar, "1e-05");
  EXPECT_EQ(node.Find("path")->kind, ConfigNode::Kind::kNull);
}

}  // namespace
}  // namespace sap
