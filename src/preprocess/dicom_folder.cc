// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_folder.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <fmt/format.h>

#include "preprocess/dicom_probe.h"
#include "sap/core/error.h"
#include "sap/preprocess/neutral_names.h"

namespace sap::preprocess::dicom {
namespace {

namespace fs = std::filesystem;

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// Parts of the patient's name and number that a file name must not carry into a message.
void AddIdentifiers(const SeriesHeader& header, std::set<std::string>& identifiers) {
  for (const std::string* text : {&header.patient_name, &header.patient_id, &header.birth_date}) {
    std::string part;
    for (const char c : *text + "^") {
      if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
        part += c;
        continue;
      }
      if (part.size() >= 3) identifiers.insert(Lower(part));
      part.clear();
    }
  }
}

// A name of neutral words can still hold the patient's number: then its place stands for it.
std::string NameFor(const std::string& neutral_name,
                    std::size_t file_idx,
                    std::size_t num_files,
                    const std::set<std::string>& identifiers) {
  const std::string lower = Lower(neutral_name);
  const bool identifies =
      std::any_of(identifiers.begin(), identifiers.end(), [&](const std::string& part) {
        return lower.find(part) != std::string::npos;
      });
  return identifies ? NameByPlace(file_idx, num_files) : neutral_name;
}

// Patient ID decides; where it is missing the name does, whose spelling differs between devices.
std::string PatientKey(const SeriesHeader& header) {
  if (!header.patient_id.empty()) return "id " + header.patient_id;
  std::string letters;
  for (const char c : Lower(header.patient_name)) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) letters += c;
  }
  return letters.empty() ? "" : "name " + letters;
}

void RequireOnePatient(const std::vector<FileFrames>& read,
                       const Folder& folder,
                       const std::string& case_id) {
  std::optional<std::size_t> first, first_born;
  for (std::size_t i = 0; i < read.size(); ++i) {
    if (!read[i].header || !read[i].left_out.empty()) continue;
    const SeriesHeader& header = *read[i].header;
    const auto refuse = [&](std::size_t other, const char* what) {
      // Exporters number the files of each patient alike.
      const bool alike = folder.names[other] == folder.names[i];
      const auto name = [&](std::size_t file_idx) {
        return alike ? NameByPlace(file_idx, read.size()) : folder.names[file_idx];
      };
      Fail(ErrorKind::kInput,
           "{}: the folder holds two patients: {} differs between {} and {}; a folder is one "
           "patient: move the other's files into a folder of their own",
           case_id,
           what,
           name(other),
           name(i));
    };
    if (!PatientKey(header).empty()) {
      if (!first) first = i;
      if (PatientKey(*read[*first].header) != PatientKey(header)) {
        refuse(*first, header.patient_id.empty() ? "Patient's Name" : "Patient ID");
      }
    }
    if (!header.birth_date.empty()) {
      if (!first_born) first_born = i;
      if (read[*first_born].header->birth_date != header.birth_date) {
        refuse(*first_born, "Patient's Birth Date");
      }
    }
  }
}

}  // namespace

Folder ScanFolder(const fs::path& path,
                  const std::string& case_id,
                  const SequenceRules& rules,
                  bool with_voxels) {
  Folder folder;
  folder.files = FilesBelow(path);
  const std::vector<bool> ends_the_reader = FilesThatEndTheReader(folder.files, with_voxels);
  std::vector<FileFrames> read;
  std::set<std::string> identifiers;
  for (std::size_t i = 0; i < folder.files.size(); ++i) {
    read.push_back(ends_the_reader[i] ? UnreadableFile(folder.files[i])
                                      : ReadHeader(folder.files[i], i));
    if (read.back().header) AddIdentifiers(*read.back().header, identifiers);
  }
  folder.names = NeutralNames(folder.files, rules);
  for (std::size_t i = 0; i < folder.files.size(); ++i) {
    folder.names[i] = NameFor(folder.names[i], i, folder.files.size(), identifiers);
  }
  RequireOnePatient(read, folder, case_id);
  std::set<std::string> seen;
  for (std::size_t i = 0; i < read.size(); ++i) {
    FileFrames& file = read[i];
    if (!file.left_out.empty()) {
      ++folder.left_out[file.left_out];
    } else if (!file.header) {
      folder.faulty.push_back({nullptr, folder.names[i] + ": " + file.fault});
    } else if (!file.header->sop_uid.empty() && !seen.insert(file.header->sop_uid).second) {
      ++folder.num_copies;
    } else if (!file.fault.empty()) {
      folder.faulty.push_back({file.header, folder.names[i] + ": " + file.fault});
    } else {
      std::move(file.frames.begin(), file.frames.end(), std::back_inserter(folder.frames));
    }
  }
  const bool any = std::any_of(read.begin(), read.end(), [](const FileFrames& file) {
    return file.header || !file.fault.empty();
  });
  SAP_REQUIRE(ErrorKind::kInput,
              any,
              "{}: none of {} files is DICOM; give a folder with one patient's MR images",
              case_id,
              folder.files.size());
  return folder;
}

}  // namespace sap::preprocess::dicom
