// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "cli/preprocess_input.h"
#include "faults/small_exam.h"
#include "sap/core/error.h"
#include "sap/core/rng.h"
#include "support/shared_folder.h"

// Whatever stands in a header, reading a patient ends with stations or with an Error that names the
// case. A crash leaves the mutated file in the test's folder.
namespace sap {
namespace {

constexpr int kMutations = 150;  // of each format

// Small grids: a mutation costs one file's write and one folder's read.
Volume Small(double z_mm) {
  Geometry grid;
  grid.size_vox = {12, 10, 4};
  grid.spacing_mm = {8, 8, 8};
  grid.origin_mm = {0, 0, z_mm};
  return {(at::arange(480, at::kLong) % 251).view({12, 10, 4}).to(at::kShort), grid};
}

phantom::DicomVolume DicomOf(bool diffusion) {
  phantom::DicomVolume volume{.stored = Small(0),
                              .description = diffusion ? "DWIBS" : "T1",
                              .protocol = "x",
                              .series_number = diffusion ? 2 : 1,
                              .study = "a",
                              .series = diffusion ? "d" : "t"};
  if (diffusion) volume.b_s_per_mm2 = 1000;
  return volume;
}

std::string FlippedBits(std::string bytes, std::size_t range, Rng& rng) {
  const auto count = rng.UniformInt(1, 9);
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(rng.UniformInt(0, static_cast<int64_t>(range)));
    bytes[at] = static_cast<char>(bytes[at] ^ static_cast<char>(1 << rng.UniformInt(0, 8)));
  }
  return bytes;
}

// Numbers that hurt where a length or a count is expected.
std::string WithWildNumber(std::string bytes, std::size_t range, Rng& rng) {
  static const uint32_t wild[] = {
      0, 1, 0x7fff, 0xffff, 0x10000, 0x7fffffff, 0xfffffffe, 0xffffffff};
  const auto at = static_cast<std::size_t>(rng.UniformInt(0, static_cast<int64_t>(range) - 4));
  const uint32_t value = wild[rng.UniformInt(0, 8)];
  std::memcpy(bytes.data() + at, &value, rng.UniformInt(0, 2) == 0 ? 2 : 4);
  return bytes;
}

std::string Mutated(const std::string& bytes, std::size_t header_bytes, Rng& rng) {
  const std::size_t range = std::min(header_bytes, bytes.size());
  switch (rng.UniformInt(0, 4)) {
    case 0:
      return bytes.substr(
          0, static_cast<std::size_t>(rng.UniformInt(0, static_cast<int64_t>(bytes.size()))));
    case 1:
      return WithWildNumber(bytes, range, rng);
    default:
      return FlippedBits(bytes, range, rng);
  }
}

struct Outcomes {
  int read = 0, refused = 0;
};

// Reads and lists the exam once for each mutation of one of its files.
Outcomes Fuzz(const fs::path& folder, std::size_t header_bytes, uint64_t seed) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  Outcomes outcomes;
  cli::PreprocessOptions options;
  for (int i = 0; i < kMutations; ++i) {
    Rng rng({.seed = seed, .sample = static_cast<uint64_t>(i)});
    const fs::path& file =
        files[static_cast<std::size_t>(rng.UniformInt(0, static_cast<int64_t>(files.size())))];
    const std::string good = ReadFile(file);
    WriteFileAtomically(file, Mutated(good, header_bytes, rng));
    try {
      if (i % 5 == 0) cli::ListPatient({"P", folder}, options);
      const auto set = cli::ReadPatient({"P", folder}, options);
      for (const auto& station : set.stations) EXPECT_GT(station.image.data().numel(), 0);
      ++outcomes.read;
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).rfind("P: ", 0), 0U) << i << ": " << error.what();
      EXPECT_NE(error.kind(), ErrorKind::kBug) << i << ": " << error.what();
      ++outcomes.refused;
    } catch (const std::exception& error) {
      ADD_FAILURE() << "mutation " << i << " threw what is no Error: " << error.what();
    }
    WriteFileAtomically(file, good);
  }
  return outcomes;
}

// Fuzz that only ever fails, or never does, would have missed the headers.
void ExpectBoth(const Outcomes& outcomes) {
  EXPECT_EQ(outcomes.read + outcomes.refused, kMutations);
  EXPECT_GT(outcomes.read, kMutations / 10);
  EXPECT_GT(outcomes.refused, kMutations / 10);
}

TEST(PreprocessFuzz, MutatedDicomHeadersEndInStationsOrInAnErrorOfTheCase) {
  const fs::path folder = testing::FreshFolder() / "P";
  const phantom::DicomPatient someone{"A^B", "1", "19000101", "x"};
  phantom::WriteDicomSlices(folder / "t1", DicomOf(false), someone);
  phantom::WriteDicomSlices(folder / "dwi", DicomOf(true), someone);
  phantom::WriteEnhancedDicom(folder / "enhanced.dcm", {DicomOf(true)}, someone);
  ExpectBoth(Fuzz(folder, 1400, 11));
}

TEST(PreprocessFuzz, MutatedNiftiFilesEndInStationsOrInAnErrorOfTheCase) {
  const fs::path folder = testing::FreshFolder() / "P";
  CreateFolder(folder);
  WriteVolume(folder / "T1_1.nii", Small(0));
  WriteVolume(folder / "T1_2.nii.gz", Small(32));
  WriteVolume(folder / "DWI_1.nii", Small(0));
  WriteFileAtomically(folder / "DWI_1.bval", "1000\n");
  WriteVolume(folder / "DWI_2.nii", Small(32));
  WriteFileAtomically(folder / "DWI_2.json", R"({"DiffusionBValue": 1000})");
  ExpectBoth(Fuzz(folder, 352, 12));
}

}  // namespace
}  // namespace sap
