// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "eval/report_text.h"
#include "sap/core/tables.h"
#include "sap/eval/published.h"

namespace sap::eval {
namespace {

constexpr const char* kPreprint = "preprint_arxiv_2506_19590";
constexpr const char* kNotHere = "not reproduced here";

// Which table a block of the file belongs to; what is new there goes to the last.
struct Subject {
  const char* title;
  const char* note;
  std::vector<std::string> blocks;
};

const std::vector<Subject>& Subjects() {
  static const std::vector<Subject> kSubjects = {
      {"Published: Table 1",
       "Medians with 95 % interval and quartiles. Inside: the reproduced median lies in the "
       "published interval. The preprint had 44 patients: its column is not comparable with the "
       "paper's.",
       {"table1"}},
      {"Published: other results",
       "Inside: the published value lies in the interval of this run, where it has one.",
       {"mean_ge_1ml", "icc_2_1_total_volume", "froc_auc_all_15fppi", "p_values", kPreprint}},
      {"Published: skeleton, features and pretraining",
       "task: skeleton and the evaluation of features give the first two in runs of their own.",
       {"skeleton_dice", "cluster_768d", "pretraining_gpu_hours"}},
      {"Published: cohort and method",
       "Only an evaluation of the paper's own patients can reproduce these.",
       {"source", "cohort", "figure7_cases"}},
      {"Published: other work that the paper cites", "", {"literature"}}};
  return kSubjects;
}

std::size_t SubjectOf(const std::string& block) {
  for (std::size_t s = 0; s < Subjects().size(); ++s) {
    for (const std::string& name : Subjects()[s].blocks) {
      if (name == block) return s;
    }
  }
  return Subjects().size() - 1;
}

// The paper's value that one of the preprint stands beside; SAP's where the preprint names none.
std::string CounterpartKey(const PublishedValue& value) {
  const std::string name = value.path.size() > 1 ? value.path[1] : "";
  if (name == "f2") return "table1.detection_all.f2." + value.path.back();
  if (name == "nsd" || name == "dice") return "table1.segmentation_detected." + name + ".sap";
  return name == "n_patients" ? "source.n_patients" : "";
}

bool IsMethod(const std::string& key) {
  return key == "baseline" || key == "ssl" || key == "sap";
}

std::string Words(std::string key) {
  for (char& c : key) c = c == '_' ? ' ' : c;
  const std::size_t large = key.find("ge 1ml");
  if (large != std::string::npos) key.replace(large, 6, ">= 1 mL");
  return key;
}

// "detection all: f2" of table1.detection_all.f2.sap.
std::string Quantity(const PublishedValue& value) {
  const bool table1 = value.path[0] == "table1";
  std::vector<std::string> keys;
  for (std::size_t k = table1 ? 1 : 0; k < value.path.size(); ++k) {
    if (!IsMethod(value.path[k])) keys.push_back(Words(value.path[k]));
  }
  return fmt::format("{}", fmt::join(keys, ": "));
}

std::string Digits(double number) {
  return std::abs(number - std::round(number)) < 1e-12 ? fmt::format("{:g}", number)
                                                       : ShortCell(number);
}

std::string PublishedCell(const PublishedValue& value) {
  if (value.path[0] == "table1") {
    const std::vector<double>& v = value.numbers;
    return fmt::format(
        "{} [{}] ({})", ShortCell(v[0]), RangeText(v[1], v[2]), RangeText(v[3], v[4]));
  }
  if (value.numbers.empty()) return value.text;
  std::vector<std::string> cells;
  for (const double number : value.numbers) cells.push_back(Digits(number));
  return fmt::format("{}", fmt::join(cells, " / "));
}

bool HasInterval(const Reproduction& r) {
  return std::isfinite(r.interval.low) && std::isfinite(r.interval.high);
}

std::string ReproducedCell(const PublishedValue& value, const Reproduction& r) {
  if (!r.text.empty()) return r.text;
  if (std::isnan(r.value)) return "-";
  std::string cell = value.path[0] == "table1" ? ShortCell(r.value) : Digits(r.value);
  if (HasInterval(r)) {
    cell += fmt::format(" [{}]", RangeText(r.interval.low, r.interval.high));
  }
  return cell;
}

std::string InsideCell(const PublishedValue& value, const Reproduction& r) {
  if (value.numbers.empty() || std::isnan(r.value)) return "-";
  const auto inside = [](double x, double low, double high) {
    return x >= low && x <= high ? "yes" : "no";
  };
  if (value.path[0] == "table1") return inside(r.value, value.numbers[1], value.numbers[2]);
  return HasInterval(r) ? inside(value.numbers[0], r.interval.low, r.interval.high) : "-";
}

std::vector<std::string> RowOf(const PublishedValue& value,
                               const Reproductions& reproduced,
                               const std::string& preprint) {
  const bool of_preprint = value.path[0] == kPreprint;
  const auto found = reproduced.find(value.Key());
  const bool has = found != reproduced.end();
  const bool number = has && !value.numbers.empty() && !std::isnan(found->second.value);
  return {Quantity(value),
          IsMethod(value.path.back()) ? value.path.back() : "",
          has ? ReproducedCell(value, found->second) : kNotHere,
          of_preprint ? "-" : PublishedCell(value),
          number ? ShortCell(found->second.value - value.numbers[0]) : "-",
          has ? InsideCell(value, found->second) : "-",
          of_preprint ? PublishedCell(value) : preprint};
}

}  // namespace

std::vector<ReportSection> PublishedSections(const PublishedValues& published,
                                             const Reproductions& reproduced,
                                             PublishedTables which) {
  std::map<std::string, std::string> preprint_of;  // by the paper's key
  for (const PublishedValue& value : published.values) {
    if (value.path[0] == kPreprint) preprint_of[CounterpartKey(value)] = PublishedCell(value);
  }
  preprint_of.erase("");
  const std::vector<std::string> header = {
      "quantity", "method", "reproduced", "published", "difference", "inside", "preprint"};
  std::vector<Table> tables(Subjects().size(), Table(header));
  std::vector<bool> touched(Subjects().size(), which == PublishedTables::kAll);
  std::map<std::string, bool> present;
  for (const PublishedValue& value : published.values) present[value.Key()] = true;
  for (const PublishedValue& value : published.values) {
    const bool beside = value.path[0] == kPreprint && present.contains(CounterpartKey(value));
    if (beside) continue;
    const auto preprint = preprint_of.find(value.Key());
    const std::size_t subject = SubjectOf(value.path[0]);
    if (reproduced.contains(value.Key())) touched[subject] = true;
    tables[subject].AddRow(
        RowOf(value, reproduced, preprint == preprint_of.end() ? "" : preprint->second));
  }
  std::vector<ReportSection> sections;
  for (std::size_t s = 0; s < tables.size(); ++s) {
    if (tables[s].NumRows() == 0 || !touched[s]) continue;
    sections.push_back({.title = Subjects()[s].title,
                        .note = Subjects()[s].note,
                        .markdown = tables[s].Markdown()});
  }
  return sections;
}

std::string PublishedMarkdown(const PublishedValues& published, const Reproductions& reproduced) {
  std::string text;
  for (const ReportSection& section : PublishedSections(published, reproduced)) {
    text += fmt::format("{}## {}\n\n{}{}{}",
                        text.empty() ? "" : "\n",
                        section.title,
                        section.note,
                        section.note.empty() ? "" : "\n\n",
                        section.markdown);
  }
  return text;
}

}  // namespace sap::eval
