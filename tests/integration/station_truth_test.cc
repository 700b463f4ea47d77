// SPDX-License-Identifier: Apache-2.0
// Stations of the phantom through sap-preprocess into training, beside the truth that they were
// cut from (preprocessing §6).
#include <algorithm>
#include <cmath>
#include <filesystem>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/files.h"
#include "sap/image/resample.h"
#include "sap/image/volume_io.h"
#include "support/run_program.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

using nlohmann::json;

XyzDouble ToXyz(const json& list) {
  return {list.at(0).get<double>(), list.at(1).get<double>(), list.at(2).get<double>()};
}

// What the scanner did to one station, and where it lies.
struct TrueStation {
  XyzDouble shift_mm;  // believes to be at p, shows the body at p + shift
  double centre_z_mm = 0;
};

std::vector<TrueStation> StationsOf(const json& record, const std::string& modality) {
  std::vector<TrueStation> stations;
  for (const json& s : record.at("stations")) {
    if (s.at("modality") != modality) continue;
    const auto idx = s.at("station").get<std::size_t>() - 1;
    if (idx < stations.size()) continue;  // another b-value of the same position
    Geometry grid;
    grid.size_vox = {s.at("size_vox").at(0), s.at("size_vox").at(1), s.at("size_vox").at(2)};
    grid.spacing_mm = ToXyz(s.at("spacing_mm"));
    grid.origin_mm = ToXyz(s.at("origin_lps_mm"));
    grid.direction = s.at("direction").get<Matrix3>();
    const XyzDouble centre_vox = {0.5 * static_cast<double>(grid.size_vox.x - 1),
                                  0.5 * static_cast<double>(grid.size_vox.y - 1),
                                  0.5 * static_cast<double>(grid.size_vox.z - 1)};
    stations.push_back({ToXyz(s.at("shift_mm")), grid.LpsFromVox(centre_vox).z});
  }
  return stations;
}

const TrueStation& Nearest(const std::vector<TrueStation>& stations, double z_mm) {
  return *std::min_element(stations.begin(), stations.end(), [&](const auto& a, const auto& b) {
    return std::abs(a.centre_z_mm - z_mm) < std::abs(b.centre_z_mm - z_mm);
  });
}

// Shift that inter-station registration gave each diffusion station.
std::vector<XyzDouble> FoundShifts(const json& steps, std::size_t num) {
  std::vector<XyzDouble> shifts(num);
  for (const json& pair : steps.at("register_stations").at("pairs")) {
    const auto fixed = pair.at("fixed").get<std::size_t>() - 1;
    const auto moving = pair.at("moving").get<std::size_t>() - 1;
    const XyzDouble own = ToXyz(pair.at("shift_mm"));
    for (std::size_t a = 0; a < 3; ++a) shifts[moving][a] = shifts[fixed][a] + own[a];
  }
  return shifts;
}

struct Displacement {
  double in_plane_mm = 0;
  double along_z_mm = 0;
};

// How far b1000 shows a bone voxel from where T1 shows it, on average. `corrected` false: as the
// stations come.
Displacement MeanDisplacement(const json& truth,
                              const json& steps,
                              const Volume& skeleton,
                              bool corrected) {
  const std::vector<TrueStation> t1 = StationsOf(truth, "T1");
  const std::vector<TrueStation> dwi = StationsOf(truth, "DWI");
  const std::vector<XyzDouble> found = FoundShifts(steps, dwi.size());
  const json& rigid = steps.at("register_to_t1").at("dwi_from_t1");
  const auto rotation = rigid.at("rotation").get<Matrix3>();
  const XyzDouble offset_mm = ToXyz(rigid.at("offset_mm"));
  const Tensor bone = (skeleton.data() > 0).nonzero();
  const auto voxel = bone.accessor<int64_t, 2>();
  Displacement mean;
  for (int64_t i = 0; i < bone.size(0); ++i) {
    const XyzDouble q = skeleton.geometry().LpsFromVox({static_cast<double>(voxel[i][0]),
                                                        static_cast<double>(voxel[i][1]),
                                                        static_cast<double>(voxel[i][2])});
    const TrueStation& station = Nearest(dwi, q.z);
    const auto k = static_cast<std::size_t>(&station - dwi.data());
    XyzDouble error;
    for (std::size_t a = 0; a < 3; ++a) {
      double moved_mm = q[a];
      if (corrected) {
        moved_mm = offset_mm[a] - found[k][a];
        for (std::size_t c = 0; c < 3; ++c) moved_mm += rotation[a][c] * q[c];
      }
      error[a] = moved_mm + station.shift_mm[a] - q[a] - Nearest(t1, q.z).shift_mm[a];
    }
    mean.in_plane_mm += std::hypot(error.x, error.y) / static_cast<double>(bone.size(0));
    mean.along_z_mm += std::abs(error.z) / static_cast<double>(bone.size(0));
  }
  return mean;
}

// Mean step between neighbouring slices inside the body, by the lower slice.
std::vector<double> SliceSteps(const Volume& image, const Tensor& body_XYZ) {
  const int64_t n = image.geometry().size_vox.z;
  const Tensor both = body_XYZ.narrow(2, 0, n - 1).logical_and(body_XYZ.narrow(2, 1, n - 1));
  const Tensor step =
      (image.data().narrow(2, 1, n - 1) - image.data().narrow(2, 0, n - 1)).abs() * both;
  const Tensor mean =
      step.sum(at::IntArrayRef{0, 1}) / both.sum(at::IntArrayRef{0, 1}).clamp_min(1).to(at::kFloat);
  return {mean.const_data_ptr<float>(), mean.const_data_ptr<float>() + mean.numel()};
}

class StationTruth : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    root_ = fs::temp_directory_path() / "sap_tests" / "StationTruth";
    fs::remove_all(root_);
    fs::create_directories(root_);
    const auto scan = testing::RunProgram({"sap-phantom",
                                           "--output_dir",
                                           (root_ / "scan").string(),
                                           "--stations",
                                           "nifti",
                                           "--num_healthy",
                                           "0",
                                           "--num_metastatic",
                                           "2",
                                           "--spacing",
                                           "4",
                                           "--set",
                                           "station.t1_spacing=[3,3,5]"});
    ASSERT_EQ(scan.exit_code, 0) << scan.err;
    const auto made = testing::RunProgram({"sap-preprocess",
                                           "--input_dir",
                                           (root_ / "scan" / "input").string(),
                                           "--output_dir",
                                           (root_ / "cohort").string(),
                                           "--spacing",
                                           "4"});
    ASSERT_EQ(made.exit_code, 0) << made.err;
  }

  static fs::path root_;
};
fs::path StationTruth::root_;

TEST_F(StationTruth, B1000ShowsBonesWithinAMillimetreInPlaneOfT1) {
  for (const std::string case_id : {"M001", "M002"}) {
    const json truth = json::parse(ReadFile(root_ / "scan" / "truth" / case_id / "stations.json"));
    const json steps = json::parse(ReadFile(root_ / "cohort" / case_id / "case.json")).at("steps");
    const Volume skeleton = ReadLabels(root_ / "scan" / "truth" / case_id / "skeleton.nii.gz");
    const Displacement before = MeanDisplacement(truth, steps, skeleton, /*corrected=*/false);
    const Displacement after = MeanDisplacement(truth, steps, skeleton, /*corrected=*/true);
    std::printf("%s: in plane %.2f -> %.2f mm, z %.2f -> %.2f mm\n",
                case_id.c_str(),
                before.in_plane_mm,
                after.in_plane_mm,
                before.along_z_mm,
                after.along_z_mm);
    EXPECT_GT(before.in_plane_mm, 1.0) << case_id;  // there was something to correct
    EXPECT_LE(after.in_plane_mm, 1.0) << case_id;
    EXPECT_LE(after.along_z_mm, 2.0) << case_id;
  }
}

// A body's slices differ more at the shoulders than at the thigh: each step is divided by the
// truth's at the same place.
TEST_F(StationTruth, SeamsStepNoMoreThanNeighbouringSlices) {
  for (const std::string name : {"T1", "b1000"}) {
    const fs::path folder = root_ / "cohort" / "M001";
    const Volume image = ReadVolume(folder / (name + ".nii.gz"));
    const Tensor body_XYZ = image.data() > 0;  // of this modality: the body's edge is no seam
    const Volume truth = ReadVolume(root_ / "scan" / "truth" / "M001" / (name + ".nii.gz"));
    const Volume true_image = Resample(truth, image.geometry(), Interpolation::kLinear);
    std::vector<double> steps = SliceSteps(image, body_XYZ);
    const std::vector<double> true_steps = SliceSteps(true_image, body_XYZ);
    for (std::size_t z = 0; z < steps.size(); ++z) steps[z] /= std::max(true_steps[z], 1e-3);
    const json seams = json::parse(ReadFile(folder / "case.json"))
                           .at("steps")
                           .at("merge")
                           .at(name == "T1" ? "t1_seams_vox" : "dwi_seams_vox");
    ASSERT_EQ(seams.size(), 3U);
    for (const json& seam : seams) {
      // Slices of 4 mm: the overlap of 60 mm is +-8 slices, the stations beside it +-30.
      const auto centre = static_cast<int64_t>(seam.get<double>());
      double at_seam = 0;
      double beside = 0;
      for (int64_t z = centre - 30; z <= centre + 30; ++z) {
        if (z < 0 || z >= std::ssize(steps)) continue;
        double& largest = std::abs(z - centre) <= 8 ? at_seam : beside;
        largest = std::max(largest, steps[static_cast<std::size_t>(z)]);
      }
      EXPECT_LE(at_seam, beside) << name << " at slice " << centre;
    }
  }
}

TEST_F(StationTruth, PreprocessedCasesTrainAsCaseFoldersDo) {
  // Lesions are drawn on the result: here the truth, on its grid.
  for (const std::string case_id : {"M001", "M002"}) {
    const fs::path folder = root_ / "cohort" / case_id;
    const Volume lesions = ReadLabels(root_ / "scan" / "truth" / case_id / "GT.nii.gz");
    const Volume t1 = ReadVolume(folder / "T1.nii.gz");
    const Volume on_grid = Resample(lesions, t1.geometry(), Interpolation::kNearest);
    ASSERT_GT(on_grid.data().sum().item<int64_t>(), 0) << case_id;
    WriteVolume(folder / "GT.nii.gz", on_grid.WithData((on_grid.data() > 0).to(at::kByte)));
  }
  const auto trained = testing::RunProgram({"sap-train",
                                            "--data.path",
                                            (root_ / "cohort").string(),
                                            "--output_dir",
                                            (root_ / "runs").string(),
                                            "--name",
                                            "run",
                                            "--roi_size",
                                            "[64, 32, 64]",
                                            "--feature_size",
                                            "12",
                                            "--max_epochs",
                                            "1",
                                            "--warmup_epochs",
                                            "0"});
  EXPECT_EQ(trained.exit_code, 0) << trained.err;
  EXPECT_TRUE(fs::exists(root_ / "runs" / "run" / "model_final.safetensors"));
}

}  // namespace
}  // namespace sap
