// SPDX-License-Identifier: Apache-2.0
// Every NIfTI file of the shared folders, against nibabel: the same grid and the same voxels, or
// refused because it holds more than one volume, is sheared, or is not a single NIfTI file.
#include <cmath>
#include <fstream>
#include <set>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/image/volume_io.h"
#include "support/peer_python.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

namespace fs = std::filesystem;

const std::set<std::string> kRefused = {"dmri.nii.gz",
                                        "dwi.nii.gz",
                                        "example4d.nii.gz",
                                        "example_nifti2.nii.gz",
                                        "functional.nii",
                                        "small_101D.nii.gz",
                                        "small_25.nii.gz",
                                        "small_64D.nii",
                                        "S0_10slices.nii.gz"};  // sheared: i and k at 56 degrees

std::vector<fs::path> NiftiFiles(const fs::path& root) {
  std::vector<fs::path> files;
  for (const char* folder : {"nifti_nibabel", "cord_sct_testing", "body_mr", "dwi_dipy"}) {
    for (const auto& entry : fs::directory_iterator(root / folder)) {
      const std::string file = entry.path().filename().string();
      if (file.ends_with(".nii") || file.ends_with(".nii.gz")) files.push_back(entry.path());
    }
  }
  return files;
}

void ExpectSame(const Volume& volume, const nlohmann::json& fact, const std::string& file) {
  const Geometry& grid = volume.geometry();
  const auto shape = fact.at("shape").get<std::vector<int64_t>>();
  ASSERT_EQ(volume.data().sizes(), at::IntArrayRef(shape)) << file;
  for (unsigned corner = 0; corner < 8; ++corner) {
    XyzDouble v;
    for (std::size_t a = 0; a < 3; ++a) {
      v[a] = (corner >> a & 1U) != 0 ? static_cast<double>(shape[a] - 1) : 0.0;
    }
    const XyzDouble lps_mm = grid.LpsFromVox(v);
    for (std::size_t r = 0; r < 3; ++r) {
      const auto& row = fact.at("lps").at(r);
      const double expected_mm = row[0].get<double>() * v.x + row[1].get<double>() * v.y +
                                 row[2].get<double>() * v.z + row[3].get<double>();
      EXPECT_NEAR(lps_mm[r], expected_mm, 1e-3) << file;
    }
  }
  const Tensor flat = volume.data().to(at::kDouble).flatten();
  const Tensor weights = at::arange(flat.numel(), at::kDouble).remainder(1009) / 1009.0;
  const double tol = 1e-7 * fact.at("scale").get<double>();
  EXPECT_NEAR(flat.sum().item<double>(), fact.at("sum").get<double>(), tol) << file;
  EXPECT_NEAR((flat * weights).sum().item<double>(), fact.at("weighted").get<double>(), tol)
      << file;
}

TEST(ReadVolume, ReadsTheSharedFilesAsNibabelDoes) {
  SAP_REQUIRE_SHARED(data, "data");
  SAP_REQUIRE_PEER(python, "nibabel");
  const fs::path json = testing::FreshFolder() / "facts.json";
  std::string arguments = "nibabel_facts.py " + json.string();
  const std::vector<fs::path> files = NiftiFiles(data);
  for (const fs::path& path : files) arguments += " " + path.string();
  ASSERT_EQ(testing::RunPeer(python, arguments), 0);
  std::ifstream stream(json);
  const auto facts = nlohmann::json::parse(stream);
  int num_read = 0;
  for (const fs::path& path : files) {
    const std::string file = path.filename().string();
    if (kRefused.count(file) > 0) {
      EXPECT_THROW(ReadVolume(path), Error) << file;
      continue;
    }
    ExpectSame(ReadVolume(path), facts.at(path.string()), file);
    ++num_read;
  }
  EXPECT_GE(num_read, 15);
}

TEST(ReadLabels, ReadsTheSharedLabelMaps) {
  SAP_REQUIRE_SHARED(data, "data");
  const auto max_of = [&](const char* file) {
    return ReadLabels(data / file).data().max().item<int>();
  };
  EXPECT_EQ(max_of("cord_sct_testing/t2_seg-manual.nii.gz"), 1);
  EXPECT_GT(max_of("cord_sct_testing/t2_seg-manual_labeled.nii.gz"), 1);  // stored as float64
  EXPECT_GT(max_of("body_mr/example_seg_mr.nii.gz"), 10);
}

TEST(ReadVolume, RefusesHeaderPairsAndAnalyze) {
  SAP_REQUIRE_SHARED(data, "data/nifti_nibabel");
  for (const char* file : {"analyze.hdr", "nifti1.hdr", "nifti2.hdr"}) {
    EXPECT_THROW(ReadVolume(data / file), Error) << file;
    // Under a NIfTI name the content is refused too.
    const fs::path renamed = testing::FreshFolder() / "renamed.nii";
    fs::copy_file(data / file, renamed);
    EXPECT_THROW(ReadVolume(renamed), Error) << file;
  }
}

}  // namespace
}  // namespace sap
