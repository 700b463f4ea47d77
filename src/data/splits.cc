// SPDX-License-Identifier: Apache-2.0
#include "sap/data/splits.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <set>

#include "data/split_algorithms.h"
#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap::data {
namespace {

constexpr double kLargeLesionMl = 1.0;

std::vector<int> SizesOf(const SplitOptions& options, int num_subjects) {
  if (options.fold_sizes.empty()) return FoldSizes(num_subjects, options.num_folds);
  const int total = std::accumulate(options.fold_sizes.begin(), options.fold_sizes.end(), 0);
  SAP_REQUIRE(
      ErrorKind::kOption,
      total == num_subjects && std::ranges::min(options.fold_sizes) >= 1,
      "split.fold_sizes [{}] adds up to {}, the cohort has {} subjects; each fold needs at "
      "least one; [{}] would fit, or leave fold_sizes out",
      fmt::join(options.fold_sizes, ", "),
      total,
      num_subjects,
      fmt::join(FoldSizes(num_subjects, static_cast<int>(options.fold_sizes.size())), ", "));
  return options.fold_sizes;
}

std::map<std::string, std::size_t> FoldOfSubject(const Split& split) {
  std::map<std::string, std::size_t> fold_of;
  for (std::size_t f = 0; f < split.folds.size(); ++f) {
    for (const std::string& subject : split.folds[f]) fold_of.emplace(subject, f);
  }
  return fold_of;
}

}  // namespace

std::vector<SubjectBurden> MeasureBurden(const VolumeStore& store) {
  std::map<std::string, SubjectBurden> by_subject;
  std::map<std::string, std::set<std::string>> sites;
  for (std::size_t i = 0; i < store.NumCases(); ++i) {
    const StoredCase& c = store.CaseAt(i);
    SubjectBurden& burden = by_subject[c.subject];
    burden.subject = c.subject;
    ++burden.num_cases;
    if (!c.site.empty()) sites[c.subject].insert(c.site);
    if (c.kind == RecordKind::kBackgroundPatch) continue;
    for (const Lesion& lesion : c.lesions) {
      ++burden.num_lesions;
      burden.volume_ml += lesion.volume_ml;
      burden.has_large_lesion |= lesion.volume_ml >= kLargeLesionMl;
    }
  }
  std::vector<SubjectBurden> subjects;
  for (auto& [subject, burden] : by_subject) {
    burden.site = fmt::format("{}", fmt::join(sites[subject], "+"));
    subjects.push_back(std::move(burden));
  }
  return subjects;
}

Split MakeSplit(const SplitOptions& options,
                const Cohort& cohort,
                std::vector<SubjectBurden> subjects) {
  if (options.algorithm == SplitAlgorithm::kFile) {
    SAP_REQUIRE(ErrorKind::kOption, !options.file.empty(), "split.file is empty; name the file");
    Split split = ReadSplit(options.file, cohort);
    if (!split.tuning_fold) split.tuning_fold = options.tuning_fold;
    return split;
  }
  std::sort(subjects.begin(), subjects.end(), [](const SubjectBurden& a, const SubjectBurden& b) {
    return a.subject < b.subject;
  });
  const int n = static_cast<int>(subjects.size());
  Split split;
  split.algorithm = EnumName(options.algorithm);
  split.seed = options.seed;
  split.tuning_fold = options.tuning_fold;
  if (options.algorithm == SplitAlgorithm::kCompat) {
    SAP_REQUIRE(ErrorKind::kInput, n > 0, "the cohort has no subjects to split");
    split.folds = DealCompat(
        subjects, options.num_folds, static_cast<uint32_t>(options.seed), split.warnings);
  } else {
    const std::vector<int> sizes = SizesOf(options, n);
    split.folds = options.algorithm == SplitAlgorithm::kGreedyBurden ? DealGreedy(subjects, sizes)
                  : options.algorithm == SplitAlgorithm::kSnake
                      ? DealSnake(subjects, sizes)
                      : DealBins(subjects, sizes, options.num_bins, options.seed);
  }
  for (auto& fold : split.folds) std::sort(fold.begin(), fold.end());
  CheckSplit(split, cohort);
  return split;
}

std::string Split::Hash() const {
  std::string text = tuning_fold ? fmt::format("tuning {}\n", *tuning_fold) : "no tuning fold\n";
  for (std::vector<std::string> fold : folds) {
    std::sort(fold.begin(), fold.end());
    text += fmt::format("{}\n", fmt::join(fold, "\t"));
  }
  return Sha256OfBytes(text);
}

void CheckSplit(const Split& split, const Cohort& cohort) {
  std::vector<std::string> faults;
  std::set<std::string> known;
  for (const CaseRecord& record : cohort.cases) known.insert(record.subject);
  std::map<std::string, std::size_t> fold_of;
  for (std::size_t f = 0; f < split.folds.size(); ++f) {
    if (split.folds[f].empty()) faults.push_back(fmt::format("fold {} is empty", f));
    for (const std::string& subject : split.folds[f]) {
      const auto [it, is_new] = fold_of.emplace(subject, f);
      if (!is_new) {
        faults.push_back(fmt::format(
            "subject {} is in fold {} and in fold {}; one person's exams must stay together",
            subject,
            it->second,
            f));
      }
      if (!known.contains(subject)) {
        faults.push_back(fmt::format("subject {} of fold {} is not in the cohort", subject, f));
      }
    }
  }
  for (const std::string& subject : known) {
    if (!fold_of.contains(subject)) {
      faults.push_back(fmt::format("subject {} of the cohort is in no fold", subject));
    }
  }
  if (const auto& t = split.tuning_fold;
      t && (*t < 0 || *t >= static_cast<int>(split.folds.size()))) {
    faults.push_back(
        fmt::format("tuning fold {}: there are folds 0 to {}", *t, split.folds.size() - 1));
  }
  SAP_REQUIRE(ErrorKind::kInput,
              faults.empty(),
              "split: {} fault{}\n  {}",
              faults.size(),
              faults.size() == 1 ? "" : "s",
              fmt::join(faults, "\n  "));
}

FoldCases CasesOfFold(const Split& split, const Cohort& cohort, int fold) {
  SAP_REQUIRE(ErrorKind::kOption,
              fold >= 0 && fold < static_cast<int>(split.folds.size()),
              "fold {}: the split has folds 0 to {}; folds count from 0",
              fold,
              split.folds.size() - 1);
  const auto fold_of = FoldOfSubject(split);
  FoldCases cases;
  for (std::size_t i = 0; i < cohort.cases.size(); ++i) {
    const auto it = fold_of.find(cohort.cases[i].subject);
    SAP_REQUIRE(ErrorKind::kInput,
                it != fold_of.end(),
                "{}: its subject {} is in no fold of the split",
                cohort.cases[i].id,
                cohort.cases[i].subject);
    (static_cast<int>(it->second) == fold ? cases.test : cases.train).push_back(i);
  }
  return cases;
}

Table BalanceTable(const Split& split, const std::vector<SubjectBurden>& subjects) {
  Table table({"fold",
               "subjects",
               "exams",
               "lesions",
               "lesions per subject",
               "volume [mL]",
               "subjects with a lesion of 1 mL",
               "sites"});
  const auto fold_of = FoldOfSubject(split);
  for (std::size_t f = 0; f < split.folds.size(); ++f) {
    int64_t lesions = 0;
    double volume_ml = 0;
    int exams = 0;
    int large = 0;
    std::map<std::string, int> sites;
    for (const SubjectBurden& s : subjects) {
      const auto it = fold_of.find(s.subject);
      if (it == fold_of.end() || it->second != f) continue;
      lesions += s.num_lesions;
      volume_ml += s.volume_ml;
      exams += s.num_cases;
      large += s.has_large_lesion ? 1 : 0;
      if (!s.site.empty()) ++sites[s.site];
    }
    std::vector<std::string> site_texts;
    for (const auto& [site, count] : sites)
      site_texts.push_back(fmt::format("{}: {}", site, count));
    const auto num_subjects = static_cast<double>(split.folds[f].size());
    table.AddRow({split.tuning_fold == static_cast<int>(f) ? fmt::format("{} (tuning)", f)
                                                           : std::to_string(f),
                  std::to_string(split.folds[f].size()),
                  std::to_string(exams),
                  std::to_string(lesions),
                  fmt::format("{:.2f}", static_cast<double>(lesions) / num_subjects),
                  fmt::format("{:.1f}", volume_ml),
                  std::to_string(large),
                  fmt::format("{}", fmt::join(site_texts, ", "))});
  }
  return table;
}

}  // namespace sap::data
