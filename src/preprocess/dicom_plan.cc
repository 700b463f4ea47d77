// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_plan.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include <fmt/ranges.h>

namespace sap::preprocess {
namespace dicom {
namespace {

std::string LabelOf(const Choice& c) {
  const auto& b = c.stack.first().b_s_per_mm2;
  return fmt::format("series {} ({}{})",
                     c.stack.header().series_number,
                     c.rule->name,
                     c.rule->diffusion && b ? fmt::format(", b {:g}", *b) : "");
}

// Faults of what would be used, each once; those of series that are left out do not matter.
std::vector<std::string> FaultsOf(const Plan& plan, const DicomOptions& options) {
  std::vector<std::string> faults;
  std::set<std::string> seen;
  const auto add = [&](std::string text) {
    if (seen.insert(text).second) faults.push_back(std::move(text));
  };
  for (const FaultyFile& file : plan.folder.faulty) {
    if (!file.header) {  // it may be a slice of anything
      add(file.text);
      continue;
    }
    const auto* rule = RuleOf(options.rules, *file.header, file.header->text.type_words, false);
    const auto& t1_from = options.rules.t1_from;
    const bool wanted =
        rule != nullptr &&
        (rule->diffusion || std::find(t1_from.begin(), t1_from.end(), rule->name) != t1_from.end());
    if (wanted) add(file.text);
  }
  for (const Choice& c : plan.choices) {
    if (c.used && !c.stack.fault.empty()) add(LabelOf(c) + ": " + c.stack.fault);
  }
  return faults;
}

std::vector<std::string> LeftOutLines(const Folder& folder) {
  std::vector<std::string> lines;
  for (const auto& [why, count] : folder.left_out) {
    lines.push_back(fmt::format("{} {} left out: {}", count, count == 1 ? "file" : "files", why));
  }
  if (folder.num_copies > 0) {
    lines.push_back(fmt::format("{} {} left out: the same image as another file",
                                folder.num_copies,
                                folder.num_copies == 1 ? "file" : "files"));
  }
  return lines;
}

// Loss is accepted, as in reading rooms, and said: intensities are then approximate.
std::vector<std::string> LossRemarks(const Plan& plan) {
  std::map<std::pair<int, std::string>, std::size_t> num_slices;
  for (const Choice& c : plan.choices) {
    if (!c.used) continue;
    const auto num = std::count_if(c.stack.slices.begin(),
                                   c.stack.slices.end(),
                                   [](const Frame& f) { return f.header->lossy; });
    if (num > 0) {
      num_slices[{c.stack.header().series_number, c.rule->name}] += static_cast<std::size_t>(num);
    }
  }
  std::vector<std::string> remarks;
  for (const auto& [series, num] : num_slices) {
    remarks.push_back(fmt::format("series {} ({}): {} slices compressed with loss: approximate",
                                  series.first,
                                  series.second,
                                  num));
  }
  return remarks;
}

}  // namespace

Plan MakePlan(const std::filesystem::path& folder,
              const std::string& case_id,
              const DicomOptions& options,
              bool with_voxels) {
  Plan plan;
  plan.folder = ScanFolder(folder, case_id, options.rules, with_voxels);
  plan.choices = Choose(StackSlices(plan.folder.frames, options.by_instance_number), options);
  std::stable_sort(plan.choices.begin(), plan.choices.end(), [](const Choice& a, const Choice& b) {
    const auto key = [](const Choice& c) {
      const Stack& s = c.stack;
      return std::tuple(s.header().series_number,
                        s.first().b_s_per_mm2.value_or(-1),
                        s.grid.origin_mm.z,
                        s.header().sop_uid);
    };
    return key(a) < key(b);
  });
  plan.faults = FaultsOf(plan, options);
  return plan;
}

DicomListing ListingOf(const Plan& plan) {
  DicomListing listing;
  using Key = std::tuple<int, std::string, std::string, bool, std::string>;
  std::map<Key, DicomListingEntry> entries;
  for (const Choice& c : plan.choices) {
    const auto& header = c.stack.header();
    const std::string sequence = c.rule == nullptr ? "" : c.rule->name;
    auto& entry = entries[{header.series_number, header.series_uid, sequence, c.used, c.why}];
    entry.series_number = header.series_number;
    entry.sequence = sequence;
    entry.used = c.used;
    entry.why = c.why;
    entry.description = header.text.description;
    ++entry.num_volumes;
    entry.num_slices += static_cast<int64_t>(c.stack.slices.size());
    if (const auto b = c.stack.first().b_s_per_mm2) entry.b_s_per_mm2.push_back(*b);
  }
  for (auto& [key, entry] : entries) {
    auto& b = entry.b_s_per_mm2;
    std::sort(b.begin(), b.end());
    b.erase(std::unique(b.begin(), b.end()), b.end());
    listing.entries.push_back(std::move(entry));
  }
  listing.left_out = LeftOutLines(plan.folder);
  listing.remarks = LossRemarks(plan);
  listing.faults = plan.faults;
  return listing;
}

std::vector<std::string> NoticesOf(const Plan& plan) {
  const DicomListing listing = ListingOf(plan);
  std::vector<std::string> notices = listing.left_out;
  notices.insert(notices.end(), listing.remarks.begin(), listing.remarks.end());
  for (const DicomListingEntry& e : listing.entries) {
    if (e.used) continue;
    notices.push_back(fmt::format("series {}{}: left out: {}",
                                  e.series_number,
                                  e.sequence.empty() ? "" : " (" + e.sequence + ")",
                                  e.why));
  }
  std::set<std::string> frames_of_reference;
  for (const Choice& c : plan.choices) {
    const std::string& uid = c.stack.header().frame_of_reference_uid;
    if (c.used && !uid.empty()) frames_of_reference.insert(uid);
  }
  if (frames_of_reference.size() > 1) {
    notices.push_back(
        fmt::format("{} frames of reference: the patient may have left the table between series",
                    frames_of_reference.size()));
  }
  return notices;
}

}  // namespace dicom

std::string DicomListing::Text(bool with_descriptions) const {
  std::string text;
  if (with_descriptions) text += "# descriptions are free text and may identify the patient\n";
  for (const DicomListingEntry& e : entries) {
    text += fmt::format(
        "series {:>4}  {:<9} {:<14} {} {} of {} slices{}  {}{}\n",
        e.series_number,
        e.used ? "used" : "not used",
        e.sequence.empty() ? "-" : e.sequence,
        e.num_volumes,
        e.num_volumes == 1 ? "volume" : "volumes",
        e.num_slices,
        e.b_s_per_mm2.empty() ? "" : fmt::format(", b {:g}", fmt::join(e.b_s_per_mm2, " ")),
        e.why,
        with_descriptions ? "  \"" + e.description + "\"" : "");
  }
  for (const std::string& line : left_out) text += line + "\n";
  for (const std::string& line : remarks) text += line + "\n";
  for (const std::string& line : faults) text += "refused: " + line + "\n";
  return text;
}

DicomListing ListDicom(const std::filesystem::path& folder,
                       const std::string& case_id,
                       const DicomOptions& options) {
  return dicom::ListingOf(dicom::MakePlan(folder, case_id, options, /*with_voxels=*/false));
}

}  // namespace sap::preprocess
