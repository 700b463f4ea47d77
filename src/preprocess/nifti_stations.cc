// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/nifti_stations.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <optional>
#include <regex>
#include <sstream>

#include <ATen/ATen.h>
#include <fmt/ranges.h>
#include <nlohmann/json.hpp>

#include "preprocess/b_values.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/orient.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/dicom_series.h"
#include "sap/preprocess/neutral_names.h"

namespace sap::preprocess {
namespace {

constexpr double kLargestB = 1e5;

struct Source {
  fs::path file;
  std::string name;      // the file's last part
  std::string sequence;  // name of the rule; empty: none
  bool used = false;
  bool diffusion = false;
  std::string why;
  std::vector<double> b_s_per_mm2;  // one per volume; empty for anything but diffusion
};

std::string Stem(const fs::path& file) {
  std::string name = file.filename().string();
  for (const char* end : {".nii.gz", ".nii"}) {
    if (name.ends_with(end)) return name.substr(0, name.size() - std::string(end).size());
  }
  return "";
}

fs::path Beside(const fs::path& file, const char* extension) {
  return file.parent_path() / (Stem(file) + extension);
}

bool IsNumber(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
}

// `name`: what messages call the file.
std::vector<double> NumbersIn(const fs::path& file,
                              const std::string& name,
                              const std::string& case_id) {
  std::vector<double> numbers;
  std::istringstream text(ReadFile(file, std::size_t{16} << 20));
  for (std::string word; text >> word;) {
    char* end = nullptr;
    numbers.push_back(std::strtod(word.c_str(), &end));
    SAP_REQUIRE(ErrorKind::kInput,
                end == word.c_str() + word.size() && std::isfinite(numbers.back()),
                "{}: {}: entry {} is no number; write numbers with spaces between them",
                case_id,
                name,
                numbers.size());
  }
  return numbers;
}

std::optional<double> SidecarB(const fs::path& file,
                               const std::string& name,
                               const std::string& case_id) {
  if (!fs::exists(file)) return std::nullopt;
  const auto json = nlohmann::json::parse(ReadFile(file, std::size_t{16} << 20),
                                          /*callback=*/nullptr,
                                          /*allow_exceptions=*/false);
  SAP_REQUIRE(ErrorKind::kInput,
              json.is_object(),
              "{}: {} is no JSON object; correct or remove it",
              case_id,
              name);
  const auto found = json.find("DiffusionBValue");
  if (found == json.end() || !found->is_number()) return std::nullopt;
  return found->get<double>();
}

std::optional<double> NameB(const fs::path& file) {
  static const std::regex pattern(R"((?:.*_)?b(\d+(?:\.\d+)?)(?:_.*)?)");
  std::smatch match;
  const std::string stem = Stem(file), folder = file.parent_path().filename().string();
  if (std::regex_match(stem, match, pattern)) return std::stod(match[1]);
  if (IsNumber(folder) && folder.size() <= 5) return std::stod(folder);
  return std::nullopt;
}

std::vector<double> BValuesOf(const fs::path& file,
                              const std::string& name,
                              const std::string& case_id) {
  const fs::path bval = Beside(file, ".bval");
  if (fs::exists(bval)) return NumbersIn(bval, "the .bval of " + name, case_id);
  std::optional<double> b = SidecarB(Beside(file, ".json"), "the .json of " + name, case_id);
  if (!b) b = NameB(file);
  return b ? std::vector<double>{*b} : std::vector<double>();
}

// "T1_1" in the patient's own folder, "T1" for T1/head, "DWI" for 1000/1.
std::string ModalityText(const fs::path& file, const fs::path& patient) {
  if (file.parent_path() == patient) return Stem(file);
  const std::string folder = file.parent_path().filename().string();
  return IsNumber(folder) ? "DWI" : folder;
}

void NameByRules(Source& source, const std::string& text, const SequenceRules& rules) {
  // In a flat name "mDIXON_IP_2" the type stands between underscores.
  SeriesText series{.description = text};
  std::istringstream words(text);
  for (std::string word; std::getline(words, word, '_');) series.type_words.push_back(word);
  // Not in type words: "DWI_TENSOR" is the name of a sequence.
  const std::string derived = DerivedWord(rules, {.description = text});
  const SequenceRule* rule = FirstMatch(rules, series);
  if (!derived.empty()) {
    source.why = fmt::format("derived map ({})", derived);
  } else if (rule == nullptr) {
    source.why = "no rule names it; see configs/sequences.yaml";
  } else {
    source.used = true;
    source.diffusion = rule->diffusion;
    source.why = rule->diffusion ? "diffusion station" : "T1 station";
  }
  if (rule != nullptr) source.sequence = rule->name;
}

void KeepOneT1(std::vector<Source>& sources, const SequenceRules& rules) {
  std::string from;
  for (const std::string& name : rules.t1_from) {
    const bool there = std::any_of(sources.begin(), sources.end(), [&](const Source& s) {
      return s.used && s.sequence == name;
    });
    if (from.empty() && there) from = name;
  }
  for (Source& s : sources) {
    if (!s.used || s.diffusion || s.sequence == from) continue;
    s.used = false;
    s.why = from.empty() ? "neither T1 nor diffusion" : "T1 is taken from " + from;
  }
}

std::vector<Source> FindSources(const fs::path& patient,
                                const std::string& case_id,
                                const SequenceRules& rules) {
  std::vector<Source> sources;
  const std::vector<fs::path> files = FilesBelow(patient);
  const std::vector<std::string> names = NeutralNames(files, rules);
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path& file = files[i];
    if (Stem(file).empty()) continue;
    Source source{.file = file, .name = names[i]};
    NameByRules(source, ModalityText(file, patient), rules);
    if (source.used && source.diffusion) {
      source.b_s_per_mm2 = BValuesOf(file, source.name, case_id);
      SAP_REQUIRE(ErrorKind::kInput,
                  !source.b_s_per_mm2.empty(),
                  "{}: {} has no b-value; put a .bval file of the same name beside it, or name it "
                  "_b<value>.nii.gz",
                  case_id,
                  source.name);
      for (const double b : source.b_s_per_mm2) {
        SAP_REQUIRE(ErrorKind::kInput,
                    b >= 0 && b < kLargestB,
                    "{}: {} has the b-value {:g}; it must be 0 to {:g} s/mm2",
                    case_id,
                    source.name,
                    b,
                    kLargestB);
      }
    }
    sources.push_back(std::move(source));
  }
  SAP_REQUIRE(ErrorKind::kInput,
              !sources.empty(),
              "{}: no .nii or .nii.gz file; give stations as <modality>_<station>.nii.gz or in a "
              "folder per modality",
              case_id);
  KeepOneT1(sources, rules);
  return sources;
}

void CheckDirections(const Source& source, const std::string& case_id) {
  const fs::path file = Beside(source.file, ".bvec");
  if (!fs::exists(file)) return;
  const std::string name = "the .bvec of " + source.name;
  const std::size_t count = NumbersIn(file, name, case_id).size();
  SAP_REQUIRE(ErrorKind::kInput,
              count == 3 * source.b_s_per_mm2.size(),
              "{}: {} holds {} numbers for {} b-values; it must hold three for each",
              case_id,
              name,
              count,
              source.b_s_per_mm2.size());
}

// The mean of each b-value's volumes, in order of b.
std::vector<Station> SplitByB(const Source& source, const std::string& case_id) {
  struct Sum {
    double b_sum = 0;
    int count = 0;
    Tensor data_XYZ;
    double MeanB() const { return b_sum / count; }
  };
  std::vector<Sum> sums;
  Geometry grid;
  CheckDirections(source, case_id);
  const auto& b_values = source.b_s_per_mm2;
  const auto add = [&](int64_t i, const Volume& volume) {
    if (i >= static_cast<int64_t>(b_values.size())) return;  // counted below
    const double b = b_values[static_cast<std::size_t>(i)];
    auto sum = std::find_if(
        sums.begin(), sums.end(), [&](const Sum& s) { return SameBValue(s.MeanB(), b); });
    if (sum == sums.end()) {
      sum = sums.insert(sums.end(), {0, 0, at::zeros_like(volume.data())});
    }
    sum->data_XYZ += volume.data();
    sum->b_sum += b;
    ++sum->count;
    grid = volume.geometry();
  };
  const int64_t num_volumes =
      ReadVolumeSeries(source.file, add, {.name = case_id + ": " + source.name});
  SAP_REQUIRE(ErrorKind::kInput,
              num_volumes == static_cast<int64_t>(b_values.size()),
              "{}: {} holds {} volumes and has {} b-values; each volume needs one: correct its "
              ".bval file",
              case_id,
              source.name,
              num_volumes,
              b_values.size());
  std::sort(
      sums.begin(), sums.end(), [](const Sum& a, const Sum& b) { return a.MeanB() < b.MeanB(); });
  std::vector<Station> stations;
  for (const Sum& sum : sums) {
    stations.push_back({.image = Reorient({sum.data_XYZ / sum.count, grid}, "LPS"),
                        .modality = kDwi,
                        .b_s_per_mm2 = std::round(10 * sum.MeanB()) / 10,
                        .sequence = source.sequence});
  }
  return stations;
}

std::vector<Station> StationsOf(const Source& source, const std::string& case_id) {
  if (source.diffusion) return SplitByB(source, case_id);
  return {
      {.image = Reorient(ReadVolume(source.file, {.name = case_id + ": " + source.name}), "LPS"),
       .modality = kT1,
       .sequence = source.sequence}};
}

std::string LineOf(const Source& s) {
  return fmt::format(
      "{}: {}{}{}",
      s.name,
      s.used ? "used" : "left out: ",
      s.used ? " as " + s.why : s.why,
      s.b_s_per_mm2.empty() ? "" : fmt::format(", b {:g}", fmt::join(s.b_s_per_mm2, " ")));
}

}  // namespace

StationSet ReadNiftiStations(const fs::path& folder,
                             const std::string& case_id,
                             const SequenceRules& rules) {
  StationSet set{.case_id = case_id};
  for (const Source& source : FindSources(folder, case_id, rules)) {
    if (!source.used) {
      set.notices.push_back(LineOf(source));
      continue;
    }
    for (Station& s : StationsOf(source, case_id)) set.stations.push_back(std::move(s));
  }
  SAP_REQUIRE(ErrorKind::kInput,
              !set.stations.empty(),
              "{}: no file is a T1 or diffusion station:\n{}",
              case_id,
              fmt::join(set.notices, "\n"));
  NumberStations(set.stations);
  set.input_sha256 = HashOfContents(folder);
  return set;
}

std::string ListNiftiStations(const fs::path& folder,
                              const std::string& case_id,
                              const SequenceRules& rules) {
  std::string text;
  for (const Source& source : FindSources(folder, case_id, rules)) text += LineOf(source) + "\n";
  return text;
}

std::vector<StationOutline> NiftiOutlines(const fs::path& folder,
                                          const std::string& case_id,
                                          const SequenceRules& rules) {
  std::vector<StationOutline> outlines;
  std::vector<std::string> faults;
  for (const Source& source : FindSources(folder, case_id, rules)) {
    if (!source.used) continue;
    try {
      const Geometry grid = ReadGeometry(source.file, case_id + ": " + source.name);
      if (!source.diffusion) outlines.push_back({grid, kT1});
      if (source.diffusion) CheckDirections(source, case_id);
      for (const double b : source.b_s_per_mm2) outlines.push_back({grid, kDwi, b});
    } catch (const Error& error) {
      faults.emplace_back(error.what());
    }
  }
  SAP_REQUIRE(ErrorKind::kInput, faults.empty(), "{}", fmt::join(faults, "\n"));
  NumberStations(outlines);
  return outlines;
}

}  // namespace sap::preprocess
