// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/neutral_names.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <system_error>
#include <utility>

#include "sap/core/error.h"

namespace sap::preprocess {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kLongestNumber = 3;      // a longer one may be a year or a patient's number
constexpr std::size_t kLongestCounter = 5;     // after a word: IM00012, b1000
constexpr std::size_t kShortestToReplace = 4;  // shorter names stand inside other words

const std::set<std::string>& FileWords() {
  static const std::set<std::string> words = {
      "NII",     "GZ",  "DCM",   "IMA",    "BVAL",   "BVEC", "JSON", "IM", "IMG", "IMAGE",
      "MR",      "EM",  "SLICE", "SER",    "SERIES", "S",    "I",    "E",  "B",   "TSE",
      "STATION", "COR", "TRA",   "MDIXON", "SAG",    "AX",   "2D",   "3D", "WB"};
  return words;
}

std::string Upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

bool IsDigit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// Words end at anything but a letter or digit; a byte beyond ASCII is part of a word.
std::vector<std::string> WordsOf(const std::string& text) {
  std::vector<std::string> words(1);
  for (const char c : Upper(text)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 128 || std::isalnum(byte) != 0) {
      words.back() += c;
    } else if (!words.back().empty()) {
      words.emplace_back();
    }
  }
  if (words.back().empty()) words.pop_back();
  return words;
}

std::set<std::string> WordsOf(const SequenceRules& rules) {
  std::set<std::string> words;
  const auto add = [&](const std::string& text) {
    for (const std::string& word : WordsOf(text)) {
      if (word.size() > 1) words.insert(word);
    }
  };
  for (const SequenceRule& rule : rules.rules) {
    add(rule.name);
    for (const std::string& text : rule.contains) add(text);
    for (const std::string& text : rule.type_any) add(text);
  }
  for (const std::string& text : rules.derived_names) add(text);
  return words;
}

bool IsNeutral(const std::string& word, const std::set<std::string>& sequence_words) {
  std::size_t end = word.size();
  while (end > 0 && IsDigit(word[end - 1])) --end;
  const std::size_t num_digits = word.size() - end;
  const std::string letters = word.substr(0, end);
  if (letters.empty()) return num_digits <= kLongestNumber;
  if (sequence_words.contains(word)) return true;
  if (num_digits > kLongestCounter) return false;
  // One letter alone may be an initial; before a number it counts something.
  const bool is_file_word = FileWords().contains(letters) && (letters.size() > 1 || num_digits > 0);
  return is_file_word || sequence_words.contains(letters);
}

void ReplaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (auto at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

struct Listing {
  std::vector<fs::path> files;
  std::vector<fs::path> others;  // folders, links to nothing
  int num_broken = 0;            // links to nothing
  std::error_code code;          // why it ends early
};

Listing List(const fs::path& folder) {
  Listing found;
  auto it = fs::recursive_directory_iterator(folder, found.code);
  for (; !found.code && it != fs::end(it); it.increment(found.code)) {
    std::error_code ignored;  // a link to nothing is no error of ours: it is counted
    const fs::file_status status = it->status(ignored);
    const bool hidden = it->path().filename().string().starts_with(".");
    if (hidden && fs::is_directory(status)) it.disable_recursion_pending();
    if (hidden) continue;
    (fs::is_regular_file(status) ? found.files : found.others).push_back(it->path());
    if (!fs::exists(status)) ++found.num_broken;
  }
  std::sort(found.files.begin(), found.files.end(), [](const fs::path& a, const fs::path& b) {
    return a.native() < b.native();
  });
  return found;
}

}  // namespace

std::vector<fs::path> FilesBelow(const fs::path& folder) {
  Listing found = List(folder);
  SAP_REQUIRE(ErrorKind::kIo,
              !found.code,
              "its folder, or one below it, cannot be read ({}); it must be a readable folder: "
              "mount it, or change its permissions",
              found.code.message());
  SAP_REQUIRE(ErrorKind::kIo,
              found.num_broken == 0,
              "{} of its files {} to nothing; fetch the data that they point to, or remove them",
              found.num_broken,
              found.num_broken == 1 ? "is a link" : "are links");
  return found.files;
}

std::string NameByPlace(std::size_t file_idx, std::size_t num_files) {
  return fmt::format("file {} of {} in order of path", file_idx + 1, num_files);
}

std::vector<std::string> NeutralNames(const std::vector<fs::path>& files,
                                      const SequenceRules& rules) {
  const std::set<std::string> sequence_words = WordsOf(rules);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const std::string name = files[i].filename().string();
    const std::vector<std::string> words = WordsOf(name);
    const bool neutral = std::all_of(words.begin(), words.end(), [&](const std::string& word) {
      return IsNeutral(word, sequence_words);
    });
    names.push_back(neutral ? name : NameByPlace(i, files.size()));
  }
  return names;
}

std::string WithoutPaths(std::string text,
                         const fs::path& folder,
                         const std::string& shown,
                         const SequenceRules& rules) {
  const Listing listing = List(folder);
  const std::vector<std::string> names = NeutralNames(listing.files, rules);
  std::vector<std::pair<std::string, std::string>> known = {{folder.string(), shown}};
  const auto add = [&](const fs::path& path, const std::string& to) {
    const std::string name = path.filename().string();
    known.emplace_back(path.string(), to);
    known.emplace_back(path.lexically_relative(folder).string(), to);
    known.emplace_back((path.parent_path().filename() / name).string(), to);
    if (to != name && name.size() >= kShortestToReplace) known.emplace_back(name, to);
  };
  for (std::size_t i = 0; i < names.size(); ++i) add(listing.files[i], names[i]);
  for (const fs::path& path : listing.others) add(path, "a folder or link of it");
  // Longer ones first: a path holds its own last part.
  std::stable_sort(known.begin(), known.end(), [](const auto& a, const auto& b) {
    return a.first.size() > b.first.size();
  });
  for (const auto& [from, to] : known) {
    if (from.size() >= kShortestToReplace || from.find('/') != std::string::npos) {
      ReplaceAll(text, from, to);
    }
  }
  return text;
}

}  // namespace sap::preprocess
