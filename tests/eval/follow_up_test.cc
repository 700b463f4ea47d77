// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/follow_up.h"

#include <cmath>
#include <set>
#include <tuple>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/tables.h"

namespace sap::eval {
namespace {

using ::testing::ElementsAre;

TimePoint PointOf(const Tensor& mask_XYZ, const XyzDouble& spacing_mm) {
  const Components found = LabelComponents(mask_XYZ, Connectivity::k6);
  std::vector<int64_t> numbers;
  for (const Component& c : found.list) numbers.push_back(c.label);
  return TimePointOf(found.labels_XYZ, found.list, numbers, spacing_mm);
}

// Lines along z at x, so that each lesion has a row of its own.
void Line(Tensor& mask_XYZ, int64_t x, int64_t begin_z, int64_t end_z) {
  mask_XYZ[x][1].slice(0, begin_z, end_z).fill_(1);
}

// One patient with every kind of change; 8 mm3 a voxel.
struct Patient {
  Tensor before = at::zeros({20, 3, 40}, at::kByte);
  Tensor after = at::zeros({20, 3, 40}, at::kByte);

  Patient() {
    Line(before, 0, 2, 6);    // 1: gone
    Line(after, 2, 2, 6);     // A1: new
    Line(before, 4, 0, 10);   // 2: grown by exactly 30 %
    Line(after, 4, 5, 18);    // A2
    Line(before, 6, 0, 10);   // 3: shrunk by exactly 30 %
    Line(after, 6, 0, 7);     // A3
    Line(before, 8, 0, 10);   // 4: stable, + 20 %
    Line(after, 8, 0, 12);    // A4
    Line(before, 10, 0, 20);  // 5: splits into A5 and A6, together - 10 %
    Line(after, 10, 0, 9);
    Line(after, 10, 11, 20);
    Line(before, 12, 0, 5);  // 6 and 7 merge into A7, + 50 %
    Line(before, 12, 8, 13);
    Line(after, 12, 0, 15);
    Line(before, 14, 0, 10);  // 8 and 9 against A8 and A9, chained
    Line(before, 14, 15, 20);
    Line(after, 14, 2, 5);
    Line(after, 14, 8, 18);
  }
};

TEST(CompareTimePoints, NamesEveryKindOfChange) {
  const Patient patient;
  const XyzDouble spacing_mm{2, 2, 2};
  const auto followed =
      CompareTimePoints(PointOf(patient.before, spacing_mm), PointOf(patient.after, spacing_mm));
  ASSERT_EQ(followed.size(), 8U);
  const auto expect = [&](std::size_t i,
                          std::vector<int64_t> before,
                          std::vector<int64_t> after,
                          MatchGroup link,
                          LesionChange change) {
    EXPECT_EQ(followed[i].before, before) << i;
    EXPECT_EQ(followed[i].after, after) << i;
    EXPECT_EQ(followed[i].link, link) << i;
    EXPECT_EQ(EnumName(followed[i].change), EnumName(change)) << i;
  };
  expect(0, {1}, {}, MatchGroup::kNone, LesionChange::kGone);
  expect(1, {2}, {2}, MatchGroup::kOneToOne, LesionChange::kGrown);
  expect(2, {3}, {3}, MatchGroup::kOneToOne, LesionChange::kShrunk);
  expect(3, {4}, {4}, MatchGroup::kOneToOne, LesionChange::kStable);
  expect(4, {5}, {5, 6}, MatchGroup::kSplit, LesionChange::kStable);
  expect(5, {6, 7}, {7}, MatchGroup::kMerge, LesionChange::kGrown);
  expect(6, {8, 9}, {8, 9}, MatchGroup::kManyToMany, LesionChange::kStable);
  expect(7, {}, {1}, MatchGroup::kNone, LesionChange::kNew);
  EXPECT_DOUBLE_EQ(followed[1].before_ml, 0.08);
  EXPECT_NEAR(followed[1].ChangeFrac(), 0.3, 1e-12);
  EXPECT_NEAR(followed[4].ChangeFrac(), -0.1, 1e-12);
  EXPECT_EQ(followed[0].ChangeFrac(), -1.0);
  EXPECT_TRUE(std::isnan(followed[7].ChangeFrac()));
}

TEST(CompareTimePoints, ReversedInTimeSwapsNewWithGoneAndSplitWithMerge) {
  const Patient patient;
  const XyzDouble spacing_mm{2, 2, 2};
  const TimePoint before = PointOf(patient.before, spacing_mm);
  const TimePoint after = PointOf(patient.after, spacing_mm);
  using Group = std::tuple<std::vector<int64_t>, std::vector<int64_t>, MatchGroup>;
  std::set<Group> swapped;
  for (const FollowedLesion& one : CompareTimePoints(before, after)) {
    const MatchGroup link = one.link == MatchGroup::kSplit   ? MatchGroup::kMerge
                            : one.link == MatchGroup::kMerge ? MatchGroup::kSplit
                                                             : one.link;
    swapped.emplace(one.after, one.before, link);
  }
  const FollowUp reversed{.lesions = CompareTimePoints(after, before)};
  std::set<Group> groups;
  for (const FollowedLesion& one : reversed.lesions) {
    groups.emplace(one.before, one.after, one.link);
    EXPECT_EQ(one.change == LesionChange::kNew, one.before.empty());
    EXPECT_EQ(one.change == LesionChange::kGone, one.after.empty());
  }
  EXPECT_EQ(groups, swapped);
  EXPECT_NEAR(reversed.BeforeMl(), patient.after.sum().item<int64_t>() * 0.008, 1e-12);
  EXPECT_NEAR(reversed.AfterMl(), patient.before.sum().item<int64_t>() * 0.008, 1e-12);
}

TEST(CompareTimePoints, TheMarginJoinsLesionsThatNearlyTouch) {
  Tensor before = at::zeros({3, 3, 20}, at::kByte);
  Tensor after = before.clone();
  Line(before, 1, 0, 5);
  Line(after, 1, 7, 12);  // centres 3 voxels of 1.5 mm apart
  const XyzDouble spacing_mm{1, 1, 1.5};
  const auto number_of = [&](double margin_mm) {
    return CompareTimePoints(
               PointOf(before, spacing_mm), PointOf(after, spacing_mm), {.margin_mm = margin_mm})
        .size();
  };
  EXPECT_EQ(number_of(0.0), 2U);
  EXPECT_EQ(number_of(4.4), 2U);
  EXPECT_EQ(number_of(4.5), 1U);
}

// Groups by searching all pairs of voxels and following the links.
std::set<std::pair<std::vector<int64_t>, std::vector<int64_t>>> NaiveGroups(
    const Components& before,
    const Components& after,
    const XyzDouble& spacing_mm,
    double margin_mm) {
  const auto near = [&](int32_t b, int32_t a) {
    const Tensor of_b = before.labels_XYZ.eq(b).nonzero().to(at::kDouble);
    const Tensor of_a = after.labels_XYZ.eq(a).nonzero().to(at::kDouble);
    const Tensor scale = at::tensor({spacing_mm.x, spacing_mm.y, spacing_mm.z}, at::kDouble);
    const Tensor steps = (of_b * scale).unsqueeze(1) - (of_a * scale).unsqueeze(0);
    return steps.pow(2).sum(2).sqrt().min().item<double>() <= margin_mm + 1e-9;
  };
  const std::size_t n = before.list.size() + after.list.size();
  std::vector<std::vector<bool>> linked(n, std::vector<bool>(n, false));
  for (std::size_t b = 0; b < before.list.size(); ++b) {
    for (std::size_t a = 0; a < after.list.size(); ++a) {
      const std::size_t other = before.list.size() + a;
      linked[b][other] = linked[other][b] = near(before.list[b].label, after.list[a].label);
    }
  }
  for (std::size_t k = 0; k < n; ++k) {
    linked[k][k] = true;
    for (std::size_t i = 0; i < n; ++i) {
      for (std::size_t j = 0; j < n; ++j) {
        if (linked[i][k] && linked[k][j]) linked[i][j] = true;
      }
    }
  }
  std::set<std::pair<std::vector<int64_t>, std::vector<int64_t>>> groups;
  for (std::size_t i = 0; i < n; ++i) {
    std::pair<std::vector<int64_t>, std::vector<int64_t>> group;
    for (std::size_t j = 0; j < n; ++j) {
      if (!linked[i][j]) continue;
      if (j < before.list.size()) group.first.push_back(before.list[j].label);
      if (j >= before.list.size()) {
        group.second.push_back(after.list[j - before.list.size()].label);
      }
    }
    groups.insert(group);
  }
  return groups;
}

TEST(CompareTimePoints, GroupsAsTheLoopOverAllPairsOfVoxelsDoes) {
  const XyzDouble spacing_mm{1.5, 1.0, 2.0};
  at::Generator generator = at::detail::createCPUGenerator(11);
  const Tensor before = at::rand({9, 10, 8}, generator).lt(0.06);
  const Tensor after = at::rand({9, 10, 8}, generator).lt(0.06);
  const Components of_before = LabelComponents(before, Connectivity::k6);
  const Components of_after = LabelComponents(after, Connectivity::k6);
  for (const double margin_mm : {0.0, 1.0, 1.5}) {
    std::set<std::pair<std::vector<int64_t>, std::vector<int64_t>>> groups;
    for (const FollowedLesion& one : CompareTimePoints(
             PointOf(before, spacing_mm), PointOf(after, spacing_mm), {.margin_mm = margin_mm})) {
      groups.emplace(one.before, one.after);
    }
    // Without a margin a shared voxel counts: centres at no distance.
    EXPECT_EQ(groups, NaiveGroups(of_before, of_after, spacing_mm, margin_mm)) << margin_mm;
  }
}

TEST(FollowUpCsv, HasOneRowPerGroupAndTheTotals) {
  const Patient patient;
  const XyzDouble spacing_mm{2, 2, 2};
  const FollowUp change{.source = FindingSource::kReference,
                        .before_id = "visit_1",
                        .after_id = "visit_2",
                        .lesions = CompareTimePoints(PointOf(patient.before, spacing_mm),
                                                     PointOf(patient.after, spacing_mm))};
  const auto rows = ParseCsv(FollowUpCsv({change}));
  ASSERT_EQ(rows.size(), 9U);
  EXPECT_EQ(rows[6][4], "6 7");
  EXPECT_EQ(rows[6][6], "n:1");
  EXPECT_EQ(rows[8][7], "new");
  const auto totals = ParseCsv(FollowUpTotalsCsv({change}));
  EXPECT_THAT(
      std::vector<std::string>(totals[1].begin(), totals[1].begin() + 12),
      ElementsAre("reference", "", "visit_1", "visit_2", "1", "1", "2", "1", "3", "1", "1", "1"));
}

}  // namespace
}  // namespace sap::eval
