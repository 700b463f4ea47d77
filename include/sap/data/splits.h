// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/core/tables.h"
#include "sap/data/volume_store.h"

namespace sap::data {

enum class SplitAlgorithm { kGreedyBurden, kStratifiedBins, kSnake, kCompat, kFile };

struct SplitOptions {
  SplitAlgorithm algorithm = SplitAlgorithm::kGreedyBurden;
  int num_folds = 7;
  std::vector<int> fold_sizes;
  std::optional<int> tuning_fold = 0;
  int num_bins = 4;
  uint64_t seed = 42;
  std::string file;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("algorithm", algorithm).Help("how subjects are dealt to folds");
    v.Field("num_folds", num_folds).Help("number of folds").Range(2, 1000);
    v.Field("fold_sizes", fold_sizes)
        .Help("subjects per fold, e.g. [7, 6, 6, 6, 5, 5, 5]; [] = from the number of subjects");
    v.Field("tuning_fold", tuning_fold)
        .Help("fold used for choices only, never tested; null = none");
    v.Field("num_bins", num_bins).Help("burden bins of stratified_bins").Range(1, 100);
    v.Field("seed", seed).Help("shuffles of stratified_bins and compat");
    v.Field("file", file).Help("split to use: own JSON, nnU-Net splits_final.json, CSV case,fold");
  }
};

struct SubjectBurden {
  std::string subject;
  int64_t num_lesions = 0;  // over all exams of the subject
  double volume_ml = 0;
  bool has_large_lesion = false;  // at least 1 mL
  std::string site;
  int num_cases = 0;
};

struct Split {
  std::vector<std::vector<std::string>> folds;  // subject ids, sorted within a fold
  std::optional<int> tuning_fold;
  std::string algorithm;
  uint64_t seed = 0;
  std::vector<std::string> warnings;

  std::string Hash() const;  // sha256 over the folds and the tuning fold
};

struct FoldCases {                 // indices into the cohort's cases
  std::vector<std::size_t> train;  // every other fold, the tuning fold included
  std::vector<std::size_t> test;
};

// Subjects per fold. n = 40, k = 7 gives the paper's 7 | 6 6 6 5 5 5: surplus seats go to the
// first folds, and the first (the tuning fold) takes a second one when there are at least two and
// each fold has at least two subjects. kInput when num_subjects < num_folds.
std::vector<int> FoldSizes(int num_subjects, int num_folds);

// Sorted by subject. Needs the store because burden is measured on labels.
std::vector<SubjectBurden> MeasureBurden(const VolumeStore& store);

// Subjects, never cases, are dealt. kOption for sizes that do not add up.
Split MakeSplit(const SplitOptions& options,
                const Cohort& cohort,
                std::vector<SubjectBurden> subjects);

// numpy.random.RandomState(seed).shuffle of 0..n-1, exactly (MT19937, masked rejection).
std::vector<int> NumpyLegacyShuffle(int n, uint32_t seed);

// kInput, all faults together: a subject in two folds, an empty fold, an unknown or missing one.
void CheckSplit(const Split& split, const Cohort& cohort);

FoldCases CasesOfFold(const Split& split, const Cohort& cohort, int fold);  // kOption: no fold

Split ReadSplit(const std::filesystem::path& path, const Cohort& cohort);
void WriteSplit(const std::filesystem::path& path,
                const Split& split,
                const std::vector<SubjectBurden>& subjects);
void WriteNnunetSplit(const std::filesystem::path& path, const Split& split, const Cohort& cohort);

// Per fold: subjects, exams, lesions, lesions per subject, volume, subjects with a large lesion,
// sites.
Table BalanceTable(const Split& split, const std::vector<SubjectBurden>& subjects);

}  // namespace sap::data

template <>
struct sap::EnumNames<sap::data::SplitAlgorithm> {
  static constexpr std::pair<sap::data::SplitAlgorithm, std::string_view> kNames[] = {
      {sap::data::SplitAlgorithm::kGreedyBurden, "greedy_burden"},
      {sap::data::SplitAlgorithm::kStratifiedBins, "stratified_bins"},
      {sap::data::SplitAlgorithm::kSnake, "snake"},
      {sap::data::SplitAlgorithm::kCompat, "compat"},
      {sap::data::SplitAlgorithm::kFile, "file"}};
};
