// SPDX-License-Identifier: Apache-2.0
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/image/intensity.h"
#include "sap/image/volume_io.h"
#include "support/run_program.h"
#include "support/shared_folder.h"
#include "support/station_phantom.h"
#include "support/tensor_near.h"

namespace sap {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr double kShiftMm[] = {0, 4, -3};

// Three T1 and three diffusion stations of one patient with gains, fields, noise and shifts.
void WritePatient(const fs::path& folder, double gain, uint64_t seed) {
  fs::create_directories(folder);
  const auto t1 = testing::StationGrids(3, {100, 68, 50}, {4, 4, 4}, 8, -238);
  const auto dwi = testing::StationGrids(3, {90, 60, 34}, {4.5, 4.5, 6}, 8, -236);
  for (std::size_t i = 0; i < 3; ++i) {
    const double station_gain = gain * (1 + 0.25 * static_cast<double>(i));
    WriteVolume(folder / fmt::format("T1_{}.nii.gz", i + 1),
                testing::SamplePhantom(
                    t1[i],
                    testing::PhantomT1,
                    {.gain = station_gain, .bias = 0.1, .noise_sd = 10, .seed = seed + i}));
    for (const double b : {50.0, 1000.0}) {
      WriteVolume(
          folder / fmt::format("DWI_{}_b{:g}.nii.gz", i + 1, b),
          testing::SamplePhantom(dwi[i],
                                 [b](const XyzDouble& p) { return testing::PhantomDwi(p, b); },
                                 {.shift_mm = {kShiftMm[i], 0, 0},
                                  .gain = station_gain,
                                  .bias = 0.1,
                                  .noise_sd = 4,
                                  .seed = seed + 10 * i + static_cast<uint64_t>(b),
                                  .points_per_axis = 2}));
    }
  }
}

std::vector<std::string> Command(const fs::path& input,
                                 const fs::path& output,
                                 const std::vector<std::string>& more = {}) {
  std::vector<std::string> command = {"sap-preprocess",
                                      "--input_dir",
                                      input.string(),
                                      "--output_dir",
                                      output.string(),
                                      "--set",
                                      "spacing=4",
                                      "--set",
                                      "bias.iterations=[20,10]"};
  command.insert(command.end(), more.begin(), more.end());
  return command;
}

json Record(const fs::path& folder) {
  return json::parse(ReadFile(folder / "case.json"));
}

// The dry run's lines about patients, without those about their files.
std::string CaseLines(const std::string& out) {
  std::string lines;
  std::istringstream text(out);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with(" ")) lines += line + "\n";
  }
  return lines;
}

TEST(Preprocess, StationsBecomeCaseFoldersOnOneGridAndAreLeftAloneAfterwards) {
  const fs::path folder = testing::FreshFolder();
  WritePatient(folder / "in" / "P001", 1.0, 1);
  WritePatient(folder / "in" / "P002", 1.6, 2);
  const auto run = testing::RunProgram(Command(folder / "in", folder / "out"));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  const fs::path p1 = folder / "out" / "P001";
  const Volume t1 = ReadVolume(p1 / "T1.nii.gz");
  const Volume b1000 = ReadVolume(p1 / "b1000.nii.gz");
  EXPECT_TRUE(t1.SameGridAs(b1000, 0)) << t1.geometry().DifferenceFrom(b1000.geometry(), 0);
  EXPECT_TRUE(t1.SameGridAs(ReadVolume(p1 / "body.nii.gz"), 0));
  EXPECT_TRUE(fs::exists(p1 / "ADC_um2_per_s.nii.gz"));
  EXPECT_TRUE(fs::exists(p1 / "qc.png"));
  const Tensor body_XYZ = ReadLabels(p1 / "body.nii.gz").data() > 0;
  EXPECT_EQ(t1.data().masked_select(body_XYZ.logical_not()).abs().max().item<double>(), 0);

  const json steps = Record(p1).at("steps");
  const json gain = steps.at("isis").at("T1").at("gain");
  EXPECT_NEAR(gain[0].get<double>(), 1.25, 0.06);
  EXPECT_NEAR(gain[2].get<double>(), 1.25 / 1.5, 0.04);
  for (const json& pair : steps.at("register_stations").at("pairs")) {
    const double expected = pair.at("moving") == 1 ? -4 : -7;
    EXPECT_NEAR(pair.at("shift_mm")[0].get<double>(), expected, 0.3);
    EXPECT_GE(pair.at("correlation_after"), pair.at("correlation_before"));
  }
  // Both patients lie on one scale: the same body, once 1.6 times brighter.
  const auto median = [&](const char* name) {
    const Volume image = ReadVolume(folder / "out" / name / "T1.nii.gz");
    return Percentiles(image.data().masked_select(image.data() > 0), {60})[0];
  };
  EXPECT_NEAR(median("P001") / median("P002"), 1, 1e-3);

  const std::string before = Sha256OfFile(p1 / "T1.nii.gz");
  const auto again = testing::RunProgram(Command(folder / "in", folder / "out"));
  EXPECT_THAT(again.out, HasSubstr("0 made now, 0 images standardised"));
  EXPECT_EQ(Sha256OfFile(p1 / "T1.nii.gz"), before);

  // A changed result is made again, byte for byte; an option that shapes voxels too.
  fs::remove(p1 / "b1000.nii.gz");
  const auto repaired = testing::RunProgram(Command(folder / "in", folder / "out"));
  EXPECT_THAT(repaired.out, HasSubstr("1 made now"));
  EXPECT_EQ(Sha256OfFile(p1 / "T1.nii.gz"), before);
  const auto plan = testing::RunProgram(
      Command(folder / "in", folder / "out", {"--dry-run", "--set", "denoise.iterations=3"}));
  EXPECT_EQ(CaseLines(plan.out), "P001: to do\nP002: to do\n");
  EXPECT_THAT(plan.out, HasSubstr("P001: to do\n  DWI_1_b1000.nii.gz: used as diffusion station"));
}

TEST(Preprocess, FailedCaseEndsNonZeroAfterAllOthersAndNamesNoPath) {
  const fs::path folder = testing::FreshFolder();
  WritePatient(folder / "in" / "A", 1.0, 1);
  fs::remove(folder / "in" / "A" / "T1_1.nii.gz");
  fs::remove(folder / "in" / "A" / "T1_2.nii.gz");
  fs::remove(folder / "in" / "A" / "T1_3.nii.gz");
  WritePatient(folder / "in" / "B", 1.0, 2);
  const auto run = testing::RunProgram(
      Command(folder / "in", folder / "out", {"--set", "steps=[mask, adc, merge]"}));
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("1 of 2 cases failed"));
  EXPECT_THAT(run.err, HasSubstr("A: no T1 station"));
  EXPECT_THAT(run.err, Not(HasSubstr(folder.string())));
  EXPECT_TRUE(fs::exists(folder / "out" / "B" / "T1.nii.gz"));
  EXPECT_FALSE(fs::exists(folder / "out" / "A"));
}

TEST(Preprocess, CasesMadeAtTheSameTimeAreTheSameBytes) {
  const fs::path folder = testing::FreshFolder();
  for (const uint64_t i : {1, 2, 3}) {
    WritePatient(folder / "in" / fmt::format("P{}", i), 1.0, i);
  }
  ASSERT_EQ(testing::RunProgram(Command(folder / "in", folder / "one")).exit_code, 0);
  const auto run = testing::RunProgram(
      Command(folder / "in", folder / "three", {"--jobs", "3", "--max-ram", "4"}));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  for (const std::string name : {"P1", "P2", "P3"}) {
    for (const std::string file : {"T1.nii.gz", "b1000.nii.gz", "body.nii.gz", "case.json"}) {
      EXPECT_EQ(ReadFile(folder / "one" / name / file), ReadFile(folder / "three" / name / file))
          << name << "/" << file;
    }
  }
}

TEST(Preprocess, SharesAreDisjointAndCoverAllPatients) {
  const fs::path folder = testing::FreshFolder();
  for (const char* name : {"A", "B", "C"}) WritePatient(folder / "in" / name, 1.0, 1);
  std::string listed;
  for (const char* part : {"1/2", "2/2"}) {
    listed +=
        testing::RunProgram(Command(folder / "in", folder / "out", {"--dry-run", "--part", part}))
            .out;
  }
  EXPECT_EQ(CaseLines(listed), "A: to do\nC: to do\nB: to do\n");
  const auto wrong = testing::RunProgram(Command(folder / "in", folder / "out", {"--part", "3/2"}));
  EXPECT_EQ(wrong.exit_code, 2);
}

TEST(Preprocess, ADryRunTellsTheFaultsThatHeadersShow) {
  const fs::path folder = testing::FreshFolder();
  WritePatient(folder / "in" / "A", 1.0, 1);
  for (const char* k : {"1", "2", "3"}) {
    fs::remove(folder / "in" / "A" / fmt::format("DWI_{}_b1000.nii.gz", k));
  }
  fs::remove(folder / "in" / "A" / "T1_2.nii.gz");
  const auto plan = testing::RunProgram(Command(folder / "in", folder / "out", {"--dry-run"}));
  EXPECT_EQ(plan.exit_code, 3);
  EXPECT_THAT(plan.out, HasSubstr("  refused: diffusion stations 1, 2, 3 have no b-value within"));
  EXPECT_THAT(plan.out, HasSubstr("  refused: 136 mm of the body lie in no T1 station"));
  EXPECT_FALSE(fs::exists(folder / "out"));
}

TEST(Preprocess, AWrongSequenceTableIsToldOnceBeforeAnyCase) {
  const fs::path folder = testing::FreshFolder();
  WritePatient(folder / "in" / "A", 1.0, 1);
  WriteFileAtomically(folder / "table.yaml", "rule: []\n");
  const auto run = testing::RunProgram(
      Command(folder / "in", folder / "out", {"--sequences", (folder / "table.yaml").string()}));
  EXPECT_EQ(run.exit_code, 2) << run.err;
  EXPECT_THAT(run.err, HasSubstr("table.yaml:1:1: unknown key rule"));
  EXPECT_THAT(run.err, Not(HasSubstr("A: ")));
}

TEST(Preprocess, FromALaterStepGivesTheSameBytes) {
  const fs::path folder = testing::FreshFolder();
  WritePatient(folder / "in" / "A", 1.0, 1);
  const std::vector<std::string> keep = {"--set", "keep_intermediates=true", "--set", "qc=false"};
  ASSERT_EQ(testing::RunProgram(Command(folder / "in", folder / "out", keep)).exit_code, 0);
  const std::string before = Sha256OfFile(folder / "out" / "A" / "b1000.nii.gz");
  const auto from =
      testing::RunProgram(Command(folder / "in", folder / "out", {"--from", "register_stations"}));
  ASSERT_EQ(from.exit_code, 0) << from.err;
  EXPECT_THAT(from.out, HasSubstr("1 made now"));
  EXPECT_EQ(Sha256OfFile(folder / "out" / "A" / "b1000.nii.gz"), before);
  const auto missing =
      testing::RunProgram(Command(folder / "in", folder / "other", {"--from", "merge"}));
  EXPECT_EQ(missing.exit_code, 2);
  EXPECT_THAT(missing.err, HasSubstr("keep_intermediates"));
}

TEST(Preprocess, AuthorsPresetRunsAndItsFaultsCanBeSwitchedOn) {
  const fs::path folder = testing::FreshFolder();
  WritePatient(folder / "in" / "A", 1.0, 1);
  const std::vector<std::string> author = {"--set", "preset=author-main"};
  const auto run = testing::RunProgram(Command(folder / "in", folder / "out", author));
  ASSERT_EQ(run.exit_code, 0) << run.err;
  EXPECT_FALSE(Record(folder / "out" / "A").at("steps").contains("denoise"));
  std::vector<std::string> faulty = author;
  faulty.insert(faulty.end(), {"--set", "faults.dwi_own_grid=true"});
  ASSERT_EQ(testing::RunProgram(Command(folder / "in", folder / "faulty", faulty)).exit_code, 0);
  EXPECT_FALSE(ReadVolume(folder / "faulty" / "A" / "T1.nii.gz")
                   .SameGridAs(ReadVolume(folder / "faulty" / "A" / "b1000.nii.gz")));
}

}  // namespace
}  // namespace sap
