// SPDX-License-Identifier: Apache-2.0
#include "sap/data/splits.h"

#include <cmath>
#include <fstream>
#include <numeric>
#include <set>

#include <gmock/gmock.h>

#include "data/tiny_store.h"
#include "sap/core/rng.h"

namespace sap::data {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<SubjectBurden> LogNormalSubjects(int n, uint64_t seed = 3) {
  std::vector<SubjectBurden> subjects;
  for (int i = 0; i < n; ++i) {
    Rng rng({.seed = seed, .stream = Stream::kTest, .sample = static_cast<uint64_t>(i)});
    const auto lesions = static_cast<int64_t>(std::exp(1.5 + 0.9 * rng.Normal()));
    subjects.push_back({.subject = fmt::format("P{:02d}", i),
                        .num_lesions = lesions,
                        .volume_ml = 0.7 * static_cast<double>(lesions),
                        .has_large_lesion = lesions > 4,
                        .site = i % 2 == 0 ? "A" : "B",
                        .num_cases = 1});
  }
  return subjects;
}

Cohort CohortOf(const std::vector<SubjectBurden>& subjects) {
  Cohort cohort;
  for (const SubjectBurden& s : subjects) {
    CaseRecord record;
    record.id = record.subject = s.subject;
    cohort.cases.push_back(record);
  }
  return cohort;
}

std::vector<std::size_t> Sizes(const Split& split) {
  std::vector<std::size_t> sizes;
  for (const auto& fold : split.folds) sizes.push_back(fold.size());
  return sizes;
}

TEST(FoldSizes, FortySubjectsGiveThePapersSizes) {
  EXPECT_THAT(FoldSizes(40, 7), ElementsAre(7, 6, 6, 6, 5, 5, 5));
}

TEST(FoldSizes, AddUpAndDifferByAtMostTwoForAnyNumberOfSubjects) {
  for (int k = 2; k <= 10; ++k) {
    for (int n = k; n < 120; ++n) {
      const std::vector<int> sizes = FoldSizes(n, k);
      EXPECT_EQ(std::accumulate(sizes.begin(), sizes.end(), 0), n);
      EXPECT_TRUE(std::is_sorted(sizes.rbegin(), sizes.rend()));
      EXPECT_GE(sizes.back(), 1);
      EXPECT_LE(sizes.front() - sizes.back(), 2);
    }
  }
  EXPECT_THAT(FoldSizes(7, 7), ElementsAre(1, 1, 1, 1, 1, 1, 1));
  EXPECT_EQ(ErrorOf([] { FoldSizes(6, 7); }).kind, ErrorKind::kInput);
}

// numpy.random.RandomState(42).shuffle(list(range(n))), NumPy 2.
TEST(NumpyLegacyShuffle, EqualsNumpy) {
  EXPECT_THAT(NumpyLegacyShuffle(10, 42), ElementsAre(8, 1, 5, 0, 7, 2, 9, 4, 3, 6));
  const std::vector<int> forty = {19, 16, 15, 26, 4,  12, 37, 27, 39, 6,  25, 9, 13, 31,
                                  34, 8,  17, 24, 0,  33, 5,  11, 1,  29, 21, 2, 30, 36,
                                  3,  35, 23, 32, 10, 22, 18, 20, 7,  14, 28, 38};
  EXPECT_EQ(NumpyLegacyShuffle(40, 42), forty);
  EXPECT_TRUE(NumpyLegacyShuffle(0, 42).empty());
  EXPECT_THAT(NumpyLegacyShuffle(1, 42), ElementsAre(0));
}

TEST(GreedyBurden, BalancesLesionsPerSeat) {
  const auto subjects = LogNormalSubjects(40);
  const Split split = MakeSplit({}, CohortOf(subjects), subjects);
  EXPECT_THAT(Sizes(split), ElementsAre(7, 6, 6, 6, 5, 5, 5));
  std::vector<double> per_seat;
  for (const auto& fold : split.folds) {
    double sum = 0;
    for (const SubjectBurden& s : subjects) {
      if (std::count(fold.begin(), fold.end(), s.subject) > 0) {
        sum += static_cast<double>(s.num_lesions);
      }
    }
    per_seat.push_back(sum / static_cast<double>(fold.size()));
  }
  const auto [low, high] = std::minmax_element(per_seat.begin(), per_seat.end());
  EXPECT_LT(*high - *low, 0.15 * *high);
}

TEST(MakeSplit, EveryAlgorithmDealsEachSubjectOnceWithTheSizesAsked) {
  const auto subjects = LogNormalSubjects(23);
  for (const SplitAlgorithm a :
       {SplitAlgorithm::kGreedyBurden, SplitAlgorithm::kSnake, SplitAlgorithm::kStratifiedBins}) {
    SplitOptions options;
    options.algorithm = a;
    options.fold_sizes = {8, 5, 5, 5};
    const Split split = MakeSplit(options, CohortOf(subjects), subjects);
    EXPECT_THAT(Sizes(split), ElementsAre(8, 5, 5, 5)) << EnumName(a);
  }
  SplitOptions wrong;
  wrong.fold_sizes = {8, 5, 5};
  const Thrown thrown = ErrorOf([&] { MakeSplit(wrong, CohortOf(subjects), subjects); });
  EXPECT_EQ(thrown.kind, ErrorKind::kOption);
  EXPECT_THAT(thrown.text, HasSubstr("adds up to 18, the cohort has 23"));
}

TEST(MakeSplit, SameSeedSameBinsOtherSeedOtherBins) {
  const auto subjects = LogNormalSubjects(28);
  SplitOptions options;
  options.algorithm = SplitAlgorithm::kStratifiedBins;
  const Split a = MakeSplit(options, CohortOf(subjects), subjects);
  EXPECT_EQ(a.Hash(), MakeSplit(options, CohortOf(subjects), subjects).Hash());
  options.seed = 43;
  EXPECT_NE(a.Hash(), MakeSplit(options, CohortOf(subjects), subjects).Hash());
}

// Numbers of folds as specs/interface.md §5.4 verified on the authors' program.
TEST(CompatSplit, ReproducesTheAuthorsChunksAndWarns) {
  const auto num_folds = [](int n, std::vector<std::string>* warnings = nullptr) {
    const auto subjects = LogNormalSubjects(n);
    SplitOptions options;
    options.algorithm = SplitAlgorithm::kCompat;
    const Split split = MakeSplit(options, CohortOf(subjects), subjects);
    if (warnings != nullptr) *warnings = split.warnings;
    return Sizes(split);
  };
  EXPECT_EQ(num_folds(20).size(), 9U);
  EXPECT_EQ(num_folds(27).size(), 8U);
  EXPECT_EQ(num_folds(41).size(), 8U);
  std::vector<std::string> warnings;
  EXPECT_THAT(num_folds(40, &warnings), ElementsAre(5, 5, 5, 5, 5, 5, 10));
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("last fold"));
  EXPECT_THAT(num_folds(35, &warnings), ElementsAre(5, 5, 5, 5, 5, 5, 5));
  EXPECT_TRUE(warnings.empty());
}

TEST(CompatSplit, FirstFoldHoldsTheFirstShuffledSubjects) {
  const auto subjects = LogNormalSubjects(40);
  SplitOptions options;
  options.algorithm = SplitAlgorithm::kCompat;
  const Split split = MakeSplit(options, CohortOf(subjects), subjects);
  EXPECT_THAT(split.folds[0], ElementsAre("P04", "P15", "P16", "P19", "P26"));
}

TEST(CasesOfFold, TrainsOnEveryOtherFoldAndKeepsSubjectsTogether) {
  auto subjects = LogNormalSubjects(14);
  Cohort cohort = CohortOf(subjects);
  CaseRecord second = cohort.cases[3];
  second.id = "P03_later";
  cohort.cases.push_back(second);
  const Split split = MakeSplit({}, cohort, subjects);
  for (int f = 0; f < 7; ++f) {
    const FoldCases cases = CasesOfFold(split, cohort, f);
    EXPECT_EQ(cases.train.size() + cases.test.size(), 15U);
    std::set<std::string> train;
    for (const std::size_t i : cases.train) train.insert(cohort.cases[i].subject);
    for (const std::size_t i : cases.test) EXPECT_FALSE(train.contains(cohort.cases[i].subject));
  }
  const Thrown thrown = ErrorOf([&] { CasesOfFold(split, cohort, 7); });
  EXPECT_EQ(thrown.kind, ErrorKind::kOption);
  EXPECT_THAT(thrown.text, HasSubstr("folds 0 to 6"));
}

TEST(SplitFile, ReadsBackWhatItWrote) {
  const auto subjects = LogNormalSubjects(16);
  const Cohort cohort = CohortOf(subjects);
  const Split split = MakeSplit({}, cohort, subjects);
  const fs::path folder = testing::FreshFolder();
  WriteSplit(folder / "split.json", split, subjects);
  EXPECT_EQ(ReadSplit(folder / "split.json", cohort).Hash(), split.Hash());
  WriteNnunetSplit(folder / "splits_final.json", split, cohort);
  EXPECT_EQ(ReadSplit(folder / "splits_final.json", cohort).folds, split.folds);
}

TEST(SplitFile, ReadsCsv) {
  const Cohort cohort = CohortOf(LogNormalSubjects(3));
  const fs::path path = testing::FreshFolder() / "split.csv";
  std::ofstream(path) << "case,fold\nP00,1\nP01,0\nP02,1\n";
  EXPECT_THAT(ReadSplit(path, cohort).folds[1], ElementsAre("P00", "P02"));
}

TEST(SplitFile, RefusesLeaksAndUnknownSubjectsTogether) {
  const Cohort cohort = CohortOf(LogNormalSubjects(4));
  const fs::path path = testing::FreshFolder() / "split.json";
  std::ofstream(path) << R"({"format": "sap-split", "folds": [["P00", "P01"], ["P01", "P09"]]})";
  const Thrown thrown = ErrorOf([&] { ReadSplit(path, cohort); });
  EXPECT_EQ(thrown.kind, ErrorKind::kInput);
  EXPECT_THAT(thrown.text, HasSubstr("split.json"));
  EXPECT_THAT(thrown.text, HasSubstr("subject P01 is in fold 0 and in fold 1"));
  EXPECT_THAT(thrown.text, HasSubstr("subject P09 of fold 1 is not in the cohort"));
  EXPECT_THAT(thrown.text, HasSubstr("subject P02 of the cohort is in no fold"));
}

TEST(SplitFile, RefusesCasesOfOneSubjectInTwoFolds) {
  Cohort cohort = CohortOf(LogNormalSubjects(2));
  cohort.cases[1].subject = "P00";
  const fs::path path = testing::FreshFolder() / "splits_final.json";
  std::ofstream(path)
      << R"([{"train": ["P01"], "val": ["P00"]}, {"train": ["P00"], "val": ["P01"]}])";
  EXPECT_THAT(ErrorOf([&] { ReadSplit(path, cohort); }).text,
              HasSubstr("subject P00 is in fold 0 and in fold 1"));
  std::ofstream(path) << R"([{"train": ["P00", "P01"], "val": ["P00"]}])";
  EXPECT_THAT(ErrorOf([&] { ReadSplit(path, cohort); }).text,
              HasSubstr("both in train and in val"));
}

TEST(BalanceTable, CountsPerFold) {
  const auto subjects = LogNormalSubjects(14);
  const Split split = MakeSplit({}, CohortOf(subjects), subjects);
  const Table table = BalanceTable(split, subjects);
  EXPECT_EQ(table.NumRows(), 7U);
  EXPECT_THAT(table.Csv(), HasSubstr("0 (tuning),2,2,"));
}

TEST(MeasureBurden, CountsLesionsOfAllExamsOfASubject) {
  const auto store = TinyStore({.num_cases = 4, .lesions_per_case = 2, .exams_per_subject = 2});
  const auto subjects = MeasureBurden(*store);
  ASSERT_EQ(subjects.size(), 2U);
  EXPECT_EQ(subjects[0].num_lesions, 4);
  EXPECT_EQ(subjects[0].num_cases, 2);
  EXPECT_EQ(subjects[0].site, "A+B");
  EXPECT_GT(subjects[0].volume_ml, 0);
}

}  // namespace
}  // namespace sap::data
