// SPDX-License-Identifier: Apache-2.0
#include "sap/data/labels.h"

#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>

#include "data/tiny_store.h"

namespace sap::data {
namespace {

using ::testing::HasSubstr;

Tensor Labels(std::initializer_list<int64_t> values) {
  return at::tensor(std::vector<int64_t>(values)).to(at::kShort).reshape({1, 1, -1});
}
std::vector<int64_t> Values(const Tensor& t) {
  const Tensor flat = t.to(at::kLong).flatten().contiguous();
  return {flat.data_ptr<int64_t>(), flat.data_ptr<int64_t>() + flat.numel()};
}

TEST(LabelTable, LesionTakesEveryPositiveValueAsOneClass) {
  const LabelTable table = MakeLabelTable({});
  EXPECT_EQ(table.NumClasses(), 2);
  EXPECT_EQ(Values(table.ToClasses(Labels({0, 1, 2, 700}), "c")),
            (std::vector<int64_t>{0, 1, 1, 1}));
}

TEST(LabelTable, SkeletonHasTheNineRegionsInThePapersOrder) {
  const LabelTable table = MakeLabelTable({.scheme = LabelScheme::kSkeleton});
  ASSERT_EQ(table.NumClasses(), 10);
  EXPECT_EQ(table.classes[0].name, "cervical_spine");
  EXPECT_EQ(table.classes[3].name, "pelvis");
  EXPECT_EQ(table.classes[8].name, "sternum");
  EXPECT_EQ(table.classes[8].class_idx, 9);
}

TEST(LabelTable, MapsFileValuesToClasses) {
  LabelOptions options;
  options.scheme = LabelScheme::kCustom;
  options.names = {{"vertebrae", 1}, {"kidney", 2}};
  options.map = {{"19", 1}, {"5", 2}};
  options.others_to_background = true;
  const LabelTable table = MakeLabelTable(options);
  EXPECT_EQ(Values(table.ToClasses(Labels({0, 19, 5, 3}), "c")),
            (std::vector<int64_t>{0, 1, 2, 0}));
}

TEST(LabelTable, RefusesValuesThatItLacksAndNamesThem) {
  const LabelTable table = MakeLabelTable({.scheme = LabelScheme::kSkeleton});
  const Thrown thrown = ErrorOf([&] { table.ToClasses(Labels({0, 10, 10, 55}), "H007"); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("H007"));
  EXPECT_THAT(thrown.text, HasSubstr("10 (2 voxels), 55 (1 voxels)"));
}

TEST(LabelTable, RefusesGapsAndUnknownClasses) {
  LabelOptions gap;
  gap.scheme = LabelScheme::kCustom;
  gap.names = {{"a", 1}, {"b", 3}};
  EXPECT_THAT(ErrorOf([&] { MakeLabelTable(gap); }).text, HasSubstr("b has class 3, expected 2"));
  LabelOptions outside;
  outside.map = {{"4", 2}};
  EXPECT_THAT(ErrorOf([&] { MakeLabelTable(outside); }).text, HasSubstr("classes are 0 to 1"));
}

TEST(LabelTable, ColoursAreDistinct) {
  LabelOptions options;
  options.scheme = LabelScheme::kCustom;
  for (int c = 1; c <= 24; ++c) options.names["n" + std::to_string(c)] = c;
  std::set<std::array<uint8_t, 3>> colours;
  for (const LabelClass& c : MakeLabelTable(options).classes) colours.insert(c.rgb);
  EXPECT_EQ(colours.size(), 24U);
}

TEST(LabelTable, ReadsBackFromJson) {
  LabelOptions options;
  options.map = {{"19", 1}, {"2", 0}};
  const LabelTable table = MakeLabelTable(options);
  const LabelTable again = LabelTable::FromJson(table.ToJson());
  EXPECT_EQ(again.class_of_value, table.class_of_value);
  EXPECT_EQ(again.ToJson(), table.ToJson());
}

}  // namespace
}  // namespace sap::data
