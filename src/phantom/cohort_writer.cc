// SPDX-License-Identifier: Apache-2.0
#include "sap/phantom/cohort_writer.h"

#include <filesystem>
#include <optional>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/options.h"
#include "sap/image/volume_io.h"

namespace sap::phantom {
namespace {

constexpr const char* kRecordFile = "phantom.yaml";  // the options that the folder was made with
constexpr int kFormatVersion = 1;
constexpr uint64_t kFirstMetastatic = 1000000;

// The resolved options without the two that do not change any byte of a case, and without the
// numbers of subjects: a cohort may grow.
std::string RecordText(PhantomOptions options) {
  options.output_dir = "";
  options.atlas = options.atlas.empty() ? "" : fs::path(options.atlas).filename().string();
  options.num_healthy = options.num_metastatic = 0;
  return fmt::format(
      "# Made by sap-phantom, format {}.\n{}", kFormatVersion, OptionTable(options).Yaml());
}

void RequireOwnFolder(const fs::path& folder, const std::string& record) {
  if (!fs::exists(folder) || fs::is_empty(folder)) return;
  const fs::path file = folder / kRecordFile;
  SAP_REQUIRE(ErrorKind::kOption,
              fs::exists(file),
              "output_dir {}: is not empty and holds no {}; choose a new folder",
              folder.filename().string(),
              kRecordFile);
  SAP_REQUIRE(ErrorKind::kOption,
              ReadFile(file) == record,
              "output_dir {}: was made with other options (its {} differs); choose a new folder, "
              "or repeat the options",
              folder.filename().string(),
              kRecordFile);
}

std::string CohortYaml(const std::vector<PlannedCase>& cases) {
  std::string text = "cases:\n";
  for (const PlannedCase& c : cases) {
    text += fmt::format("  - {{case: {}, subject: {}, site: {}, role: {}}}\n",
                        c.case_id,
                        c.subject,
                        c.site,
                        c.metastatic ? "metastatic" : "healthy");
  }
  return text;
}

nlohmann::json FindingJson(const Finding& f) {
  const auto list = [](const XyzInt& v) { return nlohmann::json{v.x, v.y, v.z}; };
  nlohmann::json json = {{"kind", EnumName(f.kind)},
                         {"region", f.region},
                         {"volume_ml", f.volume_ml},
                         {"num_vox", f.num_vox},
                         {"box_begin_vox", list(f.box.begin_vox)},
                         {"box_end_vox", list(f.box.end_vox)}};
  if (f.kind == FindingKind::kLesion) {
    json["target_ml"] = f.target_ml;
    json["subtle"] = f.subtle;
  }
  return json;
}

nlohmann::json CaseJson(const PhantomOptions& options,
                        const PlannedCase& planned,
                        const SubjectShape& shape,
                        const Findings& findings,
                        const Geometry& grid) {
  nlohmann::json lesions = nlohmann::json::array(), mimics = nlohmann::json::array();
  for (const Finding& f : findings.list) {
    (f.kind == FindingKind::kLesion ? lesions : mimics).push_back(FindingJson(f));
  }
  return {{"case", planned.case_id},
          {"subject", planned.subject},
          {"site", planned.site},
          {"role", planned.metastatic ? "metastatic" : "healthy"},
          {"synthetic", true},
          {"generator", {{"name", "sap-phantom"}, {"format", kFormatVersion}}},
          {"seed", options.seed},
          {"repeat", planned.repeat_idx + 1},
          {"size_vox", {grid.size_vox.x, grid.size_vox.y, grid.size_vox.z}},
          {"spacing_mm", {grid.spacing_mm.x, grid.spacing_mm.y, grid.spacing_mm.z}},
          {"shape", ToJson(shape)},
          {"lesions", lesions},
          {"mimics", mimics}};
}

// One subject's anatomy, kept between its repeats.
struct Subject {
  uint64_t subject_idx = 0;
  SubjectShape shape;
  Body body;
  Findings findings;
};

Subject MakeSubject(const PhantomOptions& options, const Atlas& atlas, const PlannedCase& planned) {
  const auto seed = static_cast<uint64_t>(options.seed);
  Subject subject;
  subject.subject_idx = planned.subject_idx;
  subject.shape = DrawShape(atlas, options.shape, seed, planned.subject_idx);
  subject.body = MakeBody(atlas, subject.shape, options.spacing_mm);
  const int num_lesions =
      planned.metastatic ? DrawLesionCount(options.lesions, seed, planned.subject_idx) : 0;
  subject.findings =
      PlaceFindings(subject.body, options.lesions, num_lesions, seed, planned.subject_idx);
  return subject;
}

void WriteCase(const fs::path& folder,
               const PhantomOptions& options,
               const PlannedCase& planned,
               const Subject& subject) {
  const Body& body = subject.body;
  const Signals signals = MakeSignals(body,
                                      subject.findings,
                                      options.signal,
                                      static_cast<uint64_t>(options.seed),
                                      planned.subject_idx,
                                      planned.repeat_idx);
  WriteFolderAtomically(folder, /*replace=*/true, [&](const fs::path& temporary) {
    WriteVolume(temporary / "T1.nii.gz", signals.t1);
    WriteVolume(temporary / "b1000.nii.gz", signals.b1000);
    WriteVolume(temporary / "skeleton.nii.gz", body.tissue.WithData(body.RegionsXYZ()));
    WriteVolume(temporary / "body.nii.gz", body.tissue.WithData(body.MaskXYZ()));
    if (planned.metastatic) {
      WriteVolume(temporary / "GT.nii.gz", body.tissue.WithData(subject.findings.LesionMaskXYZ()));
    }
    const nlohmann::json json =
        CaseJson(options, planned, subject.shape, subject.findings, body.tissue.geometry());
    WriteFileAtomically(temporary / "case.json", json.dump(2) + "\n");
  });
}

}  // namespace

std::vector<PlannedCase> PlanCohort(const PhantomOptions& options) {
  std::vector<PlannedCase> cases;
  const auto add = [&](char letter, int number) {
    const bool metastatic = letter == 'M';
    for (int repeat = 0; repeat < options.repeats; ++repeat) {
      PlannedCase planned;
      planned.subject = fmt::format("{}{:03}", letter, number + 1);
      planned.case_id =
          repeat == 0 ? planned.subject : fmt::format("{}_r{}", planned.subject, repeat + 1);
      planned.site = std::string(1, static_cast<char>('A' + number % options.num_sites));
      planned.metastatic = metastatic;
      planned.subject_idx =
          static_cast<uint64_t>(number) + (metastatic ? kFirstMetastatic : uint64_t{0});
      planned.repeat_idx = static_cast<uint64_t>(repeat);
      cases.push_back(planned);
    }
  };
  for (int i = 0; i < options.num_healthy; ++i) add('H', i);
  for (int i = 0; i < options.num_metastatic; ++i) add('M', i);
  return cases;
}

int WriteCohort(const PhantomOptions& options,
                const Atlas& atlas,
                const std::function<void(const std::string& case_id)>& on_case) {
  const fs::path root = options.output_dir;
  const std::string record = RecordText(options);
  RequireOwnFolder(root, record);
  CreateFolder(root);
  WriteFileAtomically(root / kRecordFile, record);
  const std::vector<PlannedCase> cases = PlanCohort(options);
  int num_written = 0;
  std::optional<Subject> subject;
  for (const PlannedCase& planned : cases) {
    if (!fs::exists(root / planned.case_id / "case.json")) {
      if (!subject || subject->subject_idx != planned.subject_idx) {
        subject.reset();  // two subjects at once would double the memory
        subject = MakeSubject(options, atlas, planned);
      }
      WriteCase(root / planned.case_id, options, planned, *subject);
      ++num_written;
    }
    if (on_case) on_case(planned.case_id);
  }
  WriteFileAtomically(root / "cohort.yaml", CohortYaml(cases));
  return num_written;
}

}  // namespace sap::phantom
