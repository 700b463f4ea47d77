// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_input.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <system_error>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/preprocess/dicom_series.h"
#include "sap/preprocess/neutral_names.h"
#include "sap/preprocess/nifti_stations.h"
#include "sap/preprocess/sequence_rules.h"
#include "sap/preprocess/station_faults.h"

namespace sap::cli {
namespace {

// DICOM's reader starts a process of its own (dicom_probe), which must not find the library's state
// in the middle of another thread's reading.
std::mutex dicom_reading;

std::unique_lock<std::mutex> LockFor(bool dicom) {
  return dicom ? std::unique_lock(dicom_reading) : std::unique_lock<std::mutex>();
}

preprocess::SequenceRules RulesOf(const PreprocessOptions& options) {
  return options.sequences.empty() ? preprocess::DefaultSequenceRules()
                                   : preprocess::ReadSequenceRules(options.sequences);
}

// Names count for NIfTI (modality and b-value stand there), not for DICOM.
std::string HashOfNamedFiles(const fs::path& folder) {
  std::vector<std::string> lines;
  for (const fs::path& file : preprocess::FilesBelow(folder)) {
    lines.push_back(file.lexically_relative(folder).string() + " " + Sha256OfFile(file));
  }
  std::sort(lines.begin(), lines.end());
  return Sha256OfBytes(fmt::format("{}", fmt::join(lines, "\n")));
}

// Runs work(rules) on a patient's folder; see the header for what it throws.
template <typename Work>
auto OnPatient(const Patient& patient, const PreprocessOptions& options, const Work& work) {
  const preprocess::SequenceRules rules = RulesOf(options);
  const auto fail = [&](ErrorKind kind, const std::string& what) {
    const std::string text = preprocess::WithoutPaths(what, patient.folder, patient.case_id, rules);
    Fail(
        kind, "{}{}", text.starts_with(patient.case_id + ": ") ? "" : patient.case_id + ": ", text);
  };
  try {
    std::error_code code;
    SAP_REQUIRE(ErrorKind::kIo,
                fs::is_directory(patient.folder, code),
                "its folder is a link to nothing, or cannot be read; fetch or mount its data, or "
                "remove the link");
    return work(rules);
  } catch (const Error& error) {
    fail(error.kind(), error.what());
  } catch (const fs::filesystem_error& error) {
    fail(ErrorKind::kIo,
         fmt::format("its files cannot be read ({}); check the disk and the permissions",
                     error.code().message()));
  } catch (const std::bad_alloc&) {
    fail(ErrorKind::kIo, "its images do not fit into the memory; run it on a larger machine");
  } catch (const std::exception&) {  // its text may hold values of the header
    fail(ErrorKind::kInput,
         "a file is damaged in a way that its reading library did not expect; copy the folder "
         "again from its source");
  }
  SAP_CHECK(false, "every branch throws");
}

preprocess::DicomOptions DicomOptionsOf(const preprocess::SequenceRules& rules,
                                        const PreprocessOptions& options) {
  return {.rules = rules,
          .min_slices = options.min_slices,
          .philips_precise = options.philips_precise,
          .by_instance_number = options.pipeline.faults.instance_order};
}

std::vector<std::string> GapNotices(const std::vector<preprocess::StationOutline>& stations) {
  std::vector<std::string> notices;
  for (const auto& gap : preprocess::GapsOf(stations)) {
    notices.push_back(fmt::format("{:.1f} mm between {} stations {} and {} lie in no image",
                                  gap.gap_mm,
                                  gap.modality,
                                  gap.below_idx + 1,
                                  gap.below_idx + 2));
  }
  return notices;
}

}  // namespace

void RequireSequences(const PreprocessOptions& options) {
  RulesOf(options);
}

std::string InputHash(const Patient& patient, const PreprocessOptions& options) {
  return OnPatient(patient, options, [&](const preprocess::SequenceRules&) {
    const std::string files = preprocess::HoldsDicom(patient.folder)
                                  ? preprocess::HashOfContents(patient.folder)
                                  : HashOfNamedFiles(patient.folder);
    return options.sequences.empty() ? files
                                     : Sha256OfBytes(files + Sha256OfFile(options.sequences));
  });
}

preprocess::StationSet ReadPatient(const Patient& patient, const PreprocessOptions& options) {
  return OnPatient(patient, options, [&](const preprocess::SequenceRules& rules) {
    const bool dicom = preprocess::HoldsDicom(patient.folder);
    const auto lock = LockFor(dicom);
    preprocess::StationSet set =
        dicom ? preprocess::ReadDicomStations(
                    patient.folder, patient.case_id, DicomOptionsOf(rules, options))
              : preprocess::ReadNiftiStations(patient.folder, patient.case_id, rules);
    const std::vector<preprocess::StationOutline> outlines = preprocess::OutlinesOf(set.stations);
    preprocess::RequireWholeExam(outlines, set.case_id, options.pipeline, options.max_gap_mm);
    const std::vector<std::string> gaps = GapNotices(outlines);
    set.notices.insert(set.notices.end(), gaps.begin(), gaps.end());
    return set;
  });
}

std::string ListPatient(const Patient& patient, const PreprocessOptions& options) {
  return OnPatient(patient, options, [&](const preprocess::SequenceRules& rules) {
    const bool dicom = preprocess::HoldsDicom(patient.folder);
    const auto lock = LockFor(dicom);
    return dicom ? preprocess::ListDicom(
                       patient.folder, patient.case_id, DicomOptionsOf(rules, options))
                       .Text()
                 : preprocess::ListNiftiStations(patient.folder, patient.case_id, rules);
  });
}

std::vector<preprocess::StationOutline> OutlinePatient(const Patient& patient,
                                                       const PreprocessOptions& options) {
  return OnPatient(patient, options, [&](const preprocess::SequenceRules& rules) {
    const bool dicom = preprocess::HoldsDicom(patient.folder);
    const auto lock = LockFor(dicom);
    return dicom ? preprocess::DicomOutlines(
                       patient.folder, patient.case_id, DicomOptionsOf(rules, options))
                 : preprocess::NiftiOutlines(patient.folder, patient.case_id, rules);
  });
}

}  // namespace sap::cli
