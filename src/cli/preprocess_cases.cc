// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_cases.h"

#include <algorithm>
#include <map>
#include <regex>
#include <system_error>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/log.h"
#include "sap/core/tables.h"

namespace sap::cli {
namespace {

struct Share {
  std::size_t index = 0;  // 0-based
  std::size_t count = 1;
};

Share ParseShare(const std::string& part) {
  if (part.empty()) return {};
  std::smatch match;
  SAP_REQUIRE(ErrorKind::kOption,
              std::regex_match(part, match, std::regex(R"((\d{1,6})/(\d{1,6}))")),
              "part: '{}' is not i/n, for instance 1/4",
              part);
  const Share share{std::stoul(match[1]) - 1, std::stoul(match[2])};
  SAP_REQUIRE(ErrorKind::kOption,
              share.count >= 1 && share.index < share.count,
              "part: '{}'; i goes from 1 to n",
              part);
  return share;
}

// Folders of input_dir, and links that lead to none: these fail by name, not in silence.
std::vector<std::string> FoldersOf(const fs::path& input_dir) {
  SAP_REQUIRE(ErrorKind::kInput,
              fs::is_directory(input_dir),
              "input_dir: not a folder; give the folder that holds one folder per patient");
  std::vector<std::string> folders;
  int num_files = 0;
  for (const auto& entry : fs::directory_iterator(input_dir)) {
    const std::string name = entry.path().filename().string();
    if (name.starts_with(".")) continue;
    std::error_code code;
    const fs::file_status status = entry.status(code);
    if (fs::is_directory(status) || !fs::exists(status)) {
      folders.push_back(name);
    } else {
      ++num_files;
    }
  }
  if (num_files > 0) {
    log::Info("{} {} beside the patients' folders left out",
              num_files,
              num_files == 1 ? "file" : "files");
  }
  SAP_REQUIRE(ErrorKind::kInput,
              !folders.empty(),
              "input_dir: no patient folder; each patient has its own folder of stations");
  std::sort(folders.begin(), folders.end());
  return folders;
}

struct Row {
  std::size_t line;
  std::string folder, case_id;
};

std::vector<Row> ReadTable(const fs::path& path) {
  const auto cells = ParseCsv(ReadFile(path, std::size_t{64} << 20));
  const std::vector<std::string> header = cells.empty() ? std::vector<std::string>() : cells[0];
  const auto folder = std::find(header.begin(), header.end(), "folder");
  const auto case_id = std::find(header.begin(), header.end(), "case");
  SAP_REQUIRE(ErrorKind::kOption,
              folder != header.end() && case_id != header.end(),
              "case_names: its first line must name the columns folder and case");
  std::vector<Row> rows;
  for (std::size_t i = 1; i < cells.size(); ++i) {
    SAP_REQUIRE(ErrorKind::kOption,
                cells[i].size() == header.size(),
                "case_names line {}: {} cells under {} columns; give each column one cell",
                i + 1,
                cells[i].size(),
                header.size());
    rows.push_back({i + 1,
                    cells[i][static_cast<std::size_t>(folder - header.begin())],
                    cells[i][static_cast<std::size_t>(case_id - header.begin())]});
  }
  return rows;
}

// One row for each folder and one folder for each row. Codes may be shown, folders not.
void RequireOneToOne(const std::vector<Row>& rows, const std::vector<std::string>& folders) {
  static const std::regex code(R"([A-Za-z0-9][A-Za-z0-9._-]{0,63})");
  std::vector<std::string> faults;
  std::map<std::string, std::size_t> line_of_folder, line_of_case;
  for (const Row& row : rows) {
    const auto fault = [&](const std::string& text) {
      faults.push_back(fmt::format("case_names line {}: {}", row.line, text));
    };
    if (!std::regex_match(row.case_id, code)) {
      fault("its case is no code of up to 64 letters, digits, '.', '_' and '-'; choose another");
    } else if (const auto [at, fresh] = line_of_case.try_emplace(row.case_id, row.line); !fresh) {
      fault(fmt::format(
          "case {} stands in line {} already; each folder needs its own", row.case_id, at->second));
    }
    if (const auto [at, fresh] = line_of_folder.try_emplace(row.folder, row.line); !fresh) {
      fault(fmt::format("its folder stands in line {} already; remove one line", at->second));
    } else if (!std::binary_search(folders.begin(), folders.end(), row.folder)) {
      fault("its folder is not in input_dir; correct or remove the line");
    }
  }
  const auto num_missing = std::count_if(folders.begin(), folders.end(), [&](const auto& name) {
    return !line_of_folder.contains(name);
  });
  if (num_missing > 0) {
    faults.push_back(fmt::format("case_names: {} of {} folders of input_dir have no line; add them",
                                 num_missing,
                                 folders.size()));
  }
  SAP_REQUIRE(ErrorKind::kOption, faults.empty(), "{}", fmt::join(faults, "\n"));
}

std::vector<Patient> AllPatients(const PreprocessOptions& options) {
  const fs::path input_dir = options.input_dir;
  const std::vector<std::string> folders = FoldersOf(input_dir);
  std::vector<Patient> patients;
  if (options.case_names.empty()) {
    for (const std::string& name : folders) patients.push_back({name, input_dir / name});
    return patients;
  }
  const std::vector<Row> rows = ReadTable(options.case_names);
  RequireOneToOne(rows, folders);
  for (const Row& row : rows) {
    // A result of before the table would go on carrying the folder's name.
    SAP_REQUIRE(ErrorKind::kOption,
                row.folder == row.case_id || !fs::exists(fs::path(options.output_dir) / row.folder),
                "case_names line {}: output_dir holds a result under the folder's own name; remove "
                "it, or choose another output_dir",
                row.line);
    patients.push_back({row.case_id, input_dir / row.folder});
  }
  std::sort(patients.begin(), patients.end(), [](const Patient& a, const Patient& b) {
    return a.case_id < b.case_id;
  });
  return patients;
}

std::vector<Patient> Selected(const std::vector<Patient>& all, const PreprocessOptions& options) {
  if (options.cases.empty()) return all;
  std::vector<Patient> selected;
  std::vector<std::string> unknown;
  for (std::size_t i = 0; i < options.cases.size(); ++i) {
    const auto found = std::find_if(all.begin(), all.end(), [&](const Patient& patient) {
      return patient.case_id == options.cases[i];
    });
    if (found != all.end()) {
      selected.push_back(*found);
    } else {  // with a table it may be a folder's name
      unknown.push_back(options.case_names.empty() ? options.cases[i]
                                                   : fmt::format("entry {}", i + 1));
    }
  }
  SAP_REQUIRE(ErrorKind::kOption,
              unknown.empty(),
              "cases: {} not in {}; correct the list",
              fmt::join(unknown, ", "),
              options.case_names.empty() ? "input_dir" : "the column case of case_names");
  return selected;
}

}  // namespace

std::vector<Patient> PatientsOf(const PreprocessOptions& options) {
  const Share share = ParseShare(options.part);
  const std::vector<Patient> selected = Selected(AllPatients(options), options);
  std::vector<Patient> mine;
  for (std::size_t i = share.index; i < selected.size(); i += share.count) {
    mine.push_back(selected[i]);
  }
  return mine;
}

}  // namespace sap::cli
