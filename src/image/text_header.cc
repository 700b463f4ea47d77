// SPDX-License-Identifier: Apache-2.0
#include "image/text_header.h"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <initializer_list>
#include <optional>

#include "image/byte_source.h"
#include "sap/core/error.h"

namespace sap {
namespace {

constexpr std::size_t kLargestHeaderBytes = std::size_t{1} << 20;

std::string Trimmed(const std::string& text) {
  const auto is_space = [](unsigned char c) { return std::isspace(c) != 0; };
  const auto begin = std::find_if_not(text.begin(), text.end(), is_space);
  const auto end = std::find_if_not(text.rbegin(), text.rend(), is_space).base();
  return begin < end ? std::string(begin, end) : "";
}

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Reads "key <separator> value" lines until `is_last` says so.
template <typename IsLast>
TextHeader ReadLines(const std::filesystem::path& path, char separator, const IsLast& is_last) {
  const std::string name = ShortName(path);
  std::ifstream file(path, std::ios::binary);
  SAP_REQUIRE(ErrorKind::kIo, file.good(), "{}: cannot be opened; check the path", name);
  TextHeader header;
  std::string line;
  std::size_t total_bytes = 0;
  while (total_bytes < kLargestHeaderBytes && std::getline(file, line)) {
    total_bytes += line.size() + 1;
    const std::size_t at = line.find(separator);
    if (at != std::string::npos && line[0] != '#') {
      const std::string key = Lower(Trimmed(line.substr(0, at)));
      const auto added = header.fields.emplace(key, Trimmed(line.substr(at + 1)));
      SAP_REQUIRE(ErrorKind::kInput,
                  added.second,
                  "{}: the header says \"{}\" twice; remove one",
                  name,
                  key);
    }
    if (is_last(line)) {
      header.first_voxel_byte = static_cast<int64_t>(total_bytes);
      return header;
    }
  }
  Fail(
      ErrorKind::kInput, "{}: the header has no end; the file is damaged or of another type", name);
}

std::optional<std::string> Find(const TextHeader& header, const std::string& key) {
  const auto found = header.fields.find(key);
  if (found == header.fields.end()) return std::nullopt;
  return found->second;
}

void RequireOneOf(const TextHeader& header,
                  const std::string& name,
                  std::initializer_list<const char*> keys,
                  const char* what) {
  const bool present = std::any_of(
      keys.begin(), keys.end(), [&](const char* key) { return header.fields.count(key) > 0; });
  SAP_REQUIRE(ErrorKind::kGeometry,
              present,
              "{}: the header does not say the {} (\"{}\" is missing), and a guessed grid is never "
              "used; write the file again with its grid",
              name,
              what,
              *keys.begin());
}

void RequireValue(const TextHeader& header,
                  const std::string& name,
                  const char* key,
                  std::initializer_list<const char*> accepted,
                  const char* rule) {
  const std::optional<std::string> value = Find(header, key);
  if (!value) return;
  const bool known = std::any_of(
      accepted.begin(), accepted.end(), [&](const char* word) { return Lower(*value) == word; });
  SAP_REQUIRE(ErrorKind::kInput, known, "{}: {} is \"{}\"; {}", name, key, *value, rule);
}

}  // namespace

TextHeader ReadMetaHeader(const std::filesystem::path& path) {
  const std::string name = ShortName(path);
  // ElementDataFile is the last line of a header by the format's rule.
  TextHeader header = ReadLines(path, '=', [](const std::string& line) {
    return Lower(line).rfind("elementdatafile", 0) == 0;
  });
  RequireValue(header,
               name,
               "elementdatafile",
               {"local"},
               "voxels in another file are not read: write one .mha");
  RequireValue(header, name, "ndims", {"3"}, "a volume has 3 axes: split the file");
  RequireValue(header,
               name,
               "elementnumberofchannels",
               {"1"},
               "one number a voxel is needed: split the channels");
  RequireValue(header,
               name,
               "elementtointensityfunctionslope",
               {"1", "1.0"},
               "scaled MetaImages are not read: write real values");
  RequireValue(header,
               name,
               "elementtointensityfunctionoffset",
               {"0", "0.0"},
               "scaled MetaImages are not read: write real values");
  RequireValue(header, name, "binarydata", {"true"}, "voxels as text are not read: write binary");
  RequireValue(header, name, "distanceunits", {"mm", "?"}, "distances are read in mm only");
  RequireOneOf(header, name, {"elementspacing"}, "spacing");
  RequireOneOf(header, name, {"transformmatrix", "orientation", "rotation"}, "direction");
  RequireOneOf(header, name, {"offset", "position", "origin"}, "origin");
  RequireValue(header, name, "headersize", {"0"}, "skips before the voxels are not read");
  header.compressed = Lower(Find(header, "compresseddata").value_or("")) == "true";
  return header;
}

TextHeader ReadNrrdHeader(const std::filesystem::path& path) {
  const std::string name = ShortName(path);
  TextHeader header =
      ReadLines(path, ':', [](const std::string& line) { return line.empty() || line == "\r"; });
  const char* one_file = "voxels in another file are not read: write one .nrrd";
  RequireValue(header, name, "data file", {}, one_file);
  RequireValue(header, name, "datafile", {}, one_file);
  RequireValue(header, name, "dimension", {"3"}, "a volume has 3 axes: split the file");
  RequireValue(header,
               name,
               "type",
               {"uchar",
                "unsigned char",
                "uint8",
                "uint8_t",
                "signed char",
                "int8",
                "int8_t",
                "short",
                "short int",
                "signed short",
                "signed short int",
                "int16",
                "int16_t",
                "ushort",
                "unsigned short",
                "unsigned short int",
                "uint16",
                "uint16_t",
                "int",
                "signed int",
                "int32",
                "int32_t",
                "uint",
                "unsigned int",
                "uint32",
                "uint32_t",
                "longlong",
                "long long",
                "long long int",
                "signed long long",
                "signed long long int",
                "int64",
                "int64_t",
                "ulonglong",
                "unsigned long long",
                "unsigned long long int",
                "uint64",
                "uint64_t",
                "float",
                "double"},
               "one real number a voxel is needed");
  RequireValue(header, name, "encoding", {"raw", "gzip", "gz"}, "encodings read are raw and gzip");
  const char* no_skip = "skips before the voxels are not read: write the file again";
  for (const char* key : {"line skip", "lineskip", "byte skip", "byteskip"}) {
    RequireValue(header, name, key, {"0"}, no_skip);
  }
  RequireValue(header, name, "space units", {"\"mm\" \"mm\" \"mm\""}, "distances are read in mm");
  RequireOneOf(header, name, {"space"}, "space");
  RequireValue(header,
               name,
               "space",
               {"left-posterior-superior",
                "lps",
                "right-anterior-superior",
                "ras",
                "left-anterior-superior",
                "las"},
               "spaces read are LPS, RAS and LAS");
  RequireOneOf(header, name, {"space directions"}, "direction and spacing");
  RequireOneOf(header, name, {"space origin"}, "origin");
  header.compressed = Lower(Find(header, "encoding").value_or("")) != "raw";
  return header;
}

}  // namespace sap
