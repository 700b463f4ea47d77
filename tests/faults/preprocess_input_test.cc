// SPDX-License-Identifier: Apache-2.0
#include "cli/preprocess_input.h"

#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/preprocess_case.h"
#include "faults/small_exam.h"
#include "sap/core/error.h"
#include "support/shared_folder.h"

// What an exam can lack, at the command line: the exit code, the case, the value, the rule, the
// next step; all other exams are finished.
namespace sap {
namespace {

using ::testing::HasSubstr;
using testing::ProgramResult;
using testing::RunProgram;

const phantom::DicomPatient kSomeone{"Nobody^Known", "N1", "19430217", "Anywhere"};

void CutInHalf(const fs::path& file) {
  fs::resize_file(file, fs::file_size(file) / 2);
}

phantom::DicomVolume ThirdT1(const Geometry& grid) {
  const auto& n = grid.size_vox;
  return {.stored = {at::full({n.x, n.y, n.z}, 300, at::kShort), grid},
          .description = "T1",
          .protocol = "T1",
          .series_number = 103,
          .study = "a",
          .series = "third"};
}

Geometry ThirdGrid() {
  return testing::StationGrids(1, {50, 34, 26}, {8, 8, 8}, 0, 160)[0];
}

struct BadExam {
  const char* name;
  int exit_code;
  const char* says;
  std::function<void(const fs::path& folder)> write;
};

const std::vector<BadExam>& BadExams() {
  static const std::vector<BadExam> exams = {
      {"b50_only",
       3,
       "diffusion stations 1, 2 have no b-value within 250 of 1000 s/mm2 (nearest: 50); set "
       "b_target or "
       "b_tolerance",
       [](const fs::path& folder) {
         testing::WriteNiftiExam(folder);
         for (const char* k : {"1", "2"})
           fs::remove(folder / fmt::format("DWI_{}_b1000.nii.gz", k));
       }},
      {"cut_dicom",
       3,
       "IM00003.dcm: Pixel Data (7fe0,0010) has 1000 bytes where rows, columns, frames and bits "
       "ask "
       "for 3400 (truncated file); copy it again from its source",
       [](const fs::path& folder) {
         testing::WriteDicomExam(folder, kSomeone);
         const fs::path file = folder / "S101_b-1" / "IM00003.dcm";
         fs::resize_file(file, fs::file_size(file) - 2400);
       }},
      {"cut_header",
       3,
       "IM00003.dcm: it begins as DICOM, but cannot be read (a damaged or truncated file); copy it "
       "again from its source, or move it out of the folder\n"
       "cut_header: series 101 (T1): 1 of its slices is missing",
       [](const fs::path& folder) {
         testing::WriteDicomExam(folder, kSomeone);
         fs::resize_file(folder / "S101_b-1" / "IM00003.dcm", 300);
       }},
      {"cut_nifti",
       3,
       "T1_1.nii.gz: the compressed stream ends early (truncated file); copy it again from its "
       "source",
       [](const fs::path& folder) {
         testing::WriteNiftiExam(folder);
         CutInHalf(folder / "T1_1.nii.gz");
       }},
      {"empty",
       3,
       "no .nii or .nii.gz file; give stations as <modality>_<station>.nii.gz or in a folder per "
       "modality",
       [](const fs::path& folder) { fs::create_directories(folder); }},
      {"gap",
       3,
       "144 mm of the body lie in no T1 station, between stations 1 and 2 from below; at most 50 "
       "mm "
       "may: add the missing station, or raise max_gap",
       [](const fs::path& folder) {
         testing::WriteNiftiExam(folder, 1, 1, /*num_stations=*/3);
         fs::remove(folder / "T1_2.nii.gz");
       }},
      {"link",
       4,
       "its folder is a link to nothing, or cannot be read; fetch or mount its data, or remove the "
       "link",
       [](const fs::path& folder) { fs::create_directory_symlink("nowhere", folder); }},
      {"link_inside",
       4,
       "1 of its files is a link to nothing; fetch the data that they point to, or remove them",
       [](const fs::path& folder) {
         testing::WriteNiftiExam(folder);
         fs::create_symlink("nowhere", folder / "T1_3.nii.gz");
       }},
      {"no_diffusion",
       3,
       "no DWI station; each patient needs T1 and diffusion stations",
       [](const fs::path& folder) {
         fs::create_directories(folder);
         WriteVolume(folder / "T1_1.nii.gz", testing::SmallExam(1, 1)[0].image);
       }},
      {"skew_dicom",
       3,
       "IM00001.dcm: Image Orientation (0020,0037) has axes of length 1.005 and 1 with a cosine of "
       "0.1 between them; they must be 1, 1 and 0 within 0.001; export it again or correct the "
       "header",
       [](const fs::path& folder) {
         testing::WriteDicomExam(folder, kSomeone);
         Geometry grid = ThirdGrid();
         grid.direction = {{{1, 0, 0}, {0.1, 1, 0}, {0, 0, 1}}};
         phantom::WriteDicomSlices(folder / "S103", ThirdT1(grid), kSomeone);
       }},
      {"skew_nifti",
       3,
       "T1_1.nii: the axes are sheared (cosine ",
       [](const fs::path& folder) {
         testing::WriteNiftiExam(folder);
         fs::remove(folder / "T1_1.nii.gz");
         WriteVolume(folder / "T1_1.nii", testing::SmallExam(1, 1)[0].image);
         std::fstream file(folder / "T1_1.nii", std::ios::in | std::ios::out | std::ios::binary);
         const float shear = 2;
         file.seekp(284).write(reinterpret_cast<const char*>(&shear), sizeof(shear));
       }},
      {"two_patients",
       3,
       "the folder holds two patients: Patient ID differs between file 1 of 150 in order of "
       "path and file 53 of 150 in order of path; a folder is one patient: move the "
       "other's files into a folder of their own",
       [](const fs::path& folder) {
         testing::WriteDicomExam(folder, kSomeone);
         phantom::DicomPatient other = kSomeone;
         other.id = "N2";
         phantom::WriteDicomSlices(folder / "S103", ThirdT1(ThirdGrid()), other);
       }}};
  return exams;
}

ProgramResult RunBad(const fs::path& root, const std::vector<std::string>& more = {}) {
  std::vector<std::string> words = {"--set", "steps=[mask, adc, merge]"};
  words.insert(words.end(), more.begin(), more.end());
  return RunProgram(testing::PreprocessCommand(root / "in", root / "out", words));
}

TEST(PreprocessInput, EachBadExamEndsWithItsCodeAndSaysCaseValueRuleAndNextStep) {
  const fs::path root = testing::FreshFolder();
  testing::WriteNiftiExam(root / "in" / "good_1");
  testing::WriteDicomExam(root / "in" / "good_2", kSomeone);
  for (const BadExam& exam : BadExams()) {
    exam.write(root / "in" / exam.name);
    const ProgramResult alone = RunBad(root, {"--set", fmt::format("cases=[{}]", exam.name)});
    EXPECT_EQ(alone.exit_code, exam.exit_code) << exam.name << alone.err;
    EXPECT_THAT(alone.err, HasSubstr(fmt::format("{}: {}", exam.name, exam.says)));
    EXPECT_EQ(alone.out, "");
    EXPECT_FALSE(fs::exists(root / "out" / exam.name)) << exam.name;
  }
  const ProgramResult all = RunBad(root);
  EXPECT_EQ(all.exit_code, BadExams().front().exit_code);
  const auto list = all.err.find(
      fmt::format("{} of {} cases failed:\n", BadExams().size(), BadExams().size() + 2));
  ASSERT_NE(list, std::string::npos) << all.err;
  for (const BadExam& exam : BadExams()) {  // each at the end, where a person looks
    EXPECT_NE(all.err.find(std::string("\n") + exam.name + ": ", list), std::string::npos)
        << exam.name;
  }
  for (const char* good : {"good_1", "good_2"}) {
    EXPECT_TRUE(fs::exists(root / "out" / good / "b1000.nii.gz")) << good;
  }
}

TEST(PreprocessInput, OneBValueOrNoOverlapIsSaidAndNotRefused) {
  const fs::path root = testing::FreshFolder();
  const fs::path one_b = root / "in" / "one_b", touching = root / "in" / "touching";
  testing::WriteNiftiExam(one_b);
  for (const char* k : {"1", "2"}) fs::remove(one_b / fmt::format("DWI_{}_b50.nii.gz", k));
  fs::create_directories(touching);
  for (const testing::ExamVolume& v : testing::SmallExam(1, 1)) {  // 10 mm apart, none shared
    Volume image = v.image;
    if (v.station == 2) {
      Geometry grid = image.geometry();
      const Geometry first = testing::SmallExam(1, 1)[v.b_s_per_mm2 ? 1 : 0].image.geometry();
      grid.origin_mm.z =
          first.origin_mm.z + static_cast<double>(first.size_vox.z) * first.spacing_mm.z + 10;
      image = Volume(image.data(), grid);
    }
    WriteVolume(
        touching / (v.b_s_per_mm2 ? fmt::format("DWI_{}_b{:g}.nii.gz", v.station, *v.b_s_per_mm2)
                                  : fmt::format("T1_{}.nii.gz", v.station)),
        image);
  }
  const ProgramResult run =
      RunProgram(testing::PreprocessCommand(root / "in", root / "out", {"--set", "qc=false"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("one_b: adc: not every station has two b-values; no ADC map"));
  EXPECT_THAT(run.err, HasSubstr("one_b: register_to_t1: no ADC map; b1000 is matched"));
  EXPECT_FALSE(fs::exists(root / "out" / "one_b" / "ADC_um2_per_s.nii.gz"));
  EXPECT_THAT(run.err, HasSubstr("touching: 10.0 mm between T1 stations 1 and 2 lie in no image"));
  EXPECT_THAT(run.err, HasSubstr("touching: 10.0 mm between DWI stations 1 and 2"));
  EXPECT_THAT(run.err,
              HasSubstr("touching: register_stations: stations 1 and 2 overlap too little"));
  EXPECT_THAT(run.err, HasSubstr("touching: isis: stations 1 and 2 share too few body voxels"));
  const auto record = nlohmann::json::parse(ReadFile(root / "out" / "touching" / "case.json"));
  EXPECT_EQ(record.at("steps").at("isis").at("T1").at("gain"), nlohmann::json({1.0, 1.0}));
}

TEST(PreprocessInput, OptionsOfTheDicomReaderReachItAndTheCaseKey) {
  const fs::path folder = testing::FreshFolder() / "P";
  phantom::DicomVolume volume = ThirdT1(ThirdGrid());
  volume.vendor = phantom::Vendor::kPhilips;
  volume.slope = 0.5;  // displayed = 0.5 * stored, precise = stored / 4
  volume.philips_scale = 4;
  phantom::WriteDicomSlices(folder / "t1", volume, kSomeone);
  phantom::DicomVolume diffusion = ThirdT1(ThirdGrid());
  diffusion.description = "DWIBS";
  diffusion.protocol = "DWI";
  diffusion.series_number = 201;
  diffusion.series = "diffusion";
  diffusion.b_s_per_mm2 = 1000;
  phantom::WriteDicomSlices(folder / "dwi", diffusion, kSomeone);
  const cli::Patient patient{"P", folder};
  cli::PreprocessOptions options;
  const auto first_voxel = [&] {
    return cli::ReadPatient(patient, options)
        .stations.at(0)
        .image.data()
        .flatten()[0]
        .item<float>();
  };
  EXPECT_EQ(first_voxel(), 75);
  const std::string precise_key = cli::CaseKey("input", options);
  options.philips_precise = false;
  EXPECT_EQ(first_voxel(), 150);
  EXPECT_NE(cli::CaseKey("input", options), precise_key);
  options.min_slices = 27;  // both volumes have 26
  try {
    cli::ReadPatient(patient, options);
    FAIL() << "a scout was read";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("P: no series is a T1 or diffusion station"));
    EXPECT_THAT(error.what(), HasSubstr("fewer than 27 slices"));
  }
}

TEST(PreprocessInput, AMissingStationIsAcceptedWhereTheLimitSaysSo) {
  const fs::path root = testing::FreshFolder();
  testing::WriteNiftiExam(root / "in" / "gap", 1, 1, /*num_stations=*/3);
  fs::remove(root / "in" / "gap" / "T1_2.nii.gz");
  const ProgramResult run = RunBad(root, {"--max_gap", "180"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_THAT(run.err, HasSubstr("gap: 144.0 mm between T1 stations 1 and 2 lie in no image"));
}

}  // namespace
}  // namespace sap
