// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_input.h"

#include <algorithm>
#include <mutex>
#include <new>
#include <system_error>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/dicom_series.h"
#include "sap/preprocess/neutral_names.h"
#include "sap/preprocess/nifti_stations.h"
#include "sap/preprocess/sequence_rules.h"

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

// An empty band across the body is no image of it; a small one is said.
void JudgeGaps(preprocess::StationSet& set, double max_gap_mm) {
  for (const preprocess::StationGap& gap : preprocess::GapsOf(set.stations)) {
    SAP_REQUIRE(ErrorKind::kInput,
                gap.gap_mm <= max_gap_mm,
                "{}: {:.0f} mm of the body lie in no {} station, between stations {} and {} from "
                "below; at most {:g} mm may: add the missing station, or raise max_gap",
                set.case_id,
                gap.gap_mm,
                gap.modality,
                gap.below_idx + 1,
                gap.below_idx + 2,
                max_gap_mm);
    set.notices.push_back(fmt::format("{:.1f} mm between {} stations {} and {} lie in no image",
                                      gap.gap_mm,
                                      gap.modality,
                                      gap.below_idx + 1,
                                      gap.below_idx + 2));
  }
}

}  // namespace

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
    JudgeGaps(set, options.max_gap_mm);
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

std::vector<Geometry> PatientGrids(const Patient& patient, const PreprocessOptions& options) {
  return OnPatient(patient, options, [&](const preprocess::SequenceRules& rules) {
    if (preprocess::HoldsDicom(patient.folder)) {
      const auto lock = LockFor(true);
      return preprocess::DicomGrids(
          patient.folder, patient.case_id, DicomOptionsOf(rules, options));
    }
    std::vector<Geometry> grids;
    for (const fs::path& file : preprocess::FilesBelow(patient.folder)) {
      const std::string name = file.filename().string();
      const bool nifti = name.ends_with(".nii") || name.ends_with(".nii.gz");
      if (nifti) grids.push_back(ReadGeometry(file));
    }
    return grids;
  });
}

}  // namespace sap::cli
