// SPDX-License-Identifier: Apache-2.0
// The whole command on a made cohort, and every cell of its tables by another program.
#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "run_main.h"
#include "sap/cli/commands.h"
#include "sap/core/files.h"
#include "sap/core/rng.h"
#include "sap/image/volume_io.h"
#include "support/peer_python.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

const Geometry kGrid{.size_vox = {44, 40, 52}, .spacing_mm = {1.5, 1.5, 1.5}};

// max(0, 1 - distance / radius) around a point: a ball where it is above a level.
Tensor Cone(const XyzDouble& at_vox, double radius_vox) {
  const auto squared = [](int64_t n, double at) {
    return (at::arange(n, at::kDouble) - at).square();
  };
  const Tensor distance =
      (squared(kGrid.size_vox.x, at_vox.x).view({-1, 1, 1}) +
       squared(kGrid.size_vox.y, at_vox.y).view({1, -1, 1}) + squared(kGrid.size_vox.z, at_vox.z))
          .sqrt();
  return (1 - distance / radius_vox).clamp_min(0);
}

XyzDouble Place(Rng& rng) {
  return {rng.Uniform(5, 39), rng.Uniform(5, 35), rng.Uniform(5, 47)};
}

// Thirteen exams: lesions of 0.02 to 4 mL, cones of probability on most of them (shifted, merged
// or split) and beside them. One exam has no large lesion, one no candidate of `ssl`, one no
// lesion.
void WriteCase(const fs::path& root, int number) {
  Rng rng({.seed = 11, .sample = static_cast<uint64_t>(number)});
  const std::vector<int64_t> sizes = {kGrid.size_vox.x, kGrid.size_vox.y, kGrid.size_vox.z};
  Tensor reference = at::zeros(sizes, at::kByte);
  Tensor sap = at::zeros(sizes, at::kDouble);
  Tensor ssl = at::zeros(sizes, at::kDouble);
  const int64_t num_lesions = number == 5 ? 0 : rng.UniformInt(2, 7);
  for (int64_t i = 0; i < num_lesions; ++i) {
    const XyzDouble at = Place(rng);
    const double radius = number == 3 ? rng.Uniform(1.2, 3.5) : rng.Uniform(1.2, 6.5);
    reference.bitwise_or_(Cone(at, radius).gt(0).to(at::kByte));
    const XyzDouble near{at.x + rng.Uniform(-2, 2), at.y + rng.Uniform(-1, 1), at.z};
    if (rng.Bernoulli(0.85)) {
      sap = at::maximum(sap, rng.Uniform(0.6, 1.0) * Cone(near, 2.5 * radius));
    }
    if (rng.Bernoulli(0.6)) {
      ssl = at::maximum(ssl, rng.Uniform(0.4, 1.0) * Cone(near, 1.8 * radius));
    }
  }
  for (int64_t i = rng.UniformInt(0, 5); i > 0; --i) {
    const Tensor beside = Cone(Place(rng), rng.Uniform(4, 9));
    sap = at::maximum(sap, rng.Uniform(0.3, 1.0) * beside);
    ssl = at::maximum(ssl, rng.Uniform(0.1, 0.9) * beside);
  }
  if (number == 8) ssl = 0.4 * ssl;
  const auto write = [&](const char* folder, const Tensor& data_XYZ) {
    CreateFolder(root / folder);
    WriteVolume(root / folder / fmt::format("case_{:02}.nii.gz", number), Volume(data_XYZ, kGrid));
  };
  write("reference", reference);
  // Whole hundredths as float32: voxels tie with thresholds.
  write("sap", (sap * 100).round().div(100).to(at::kFloat));
  write("ssl", (ssl * 100).round().div(100).to(at::kFloat));
}

void WriteSplit(const fs::path& path) {
  nlohmann::json folds = nlohmann::json::array();
  for (int number = 0; number < 13; ++number) {
    folds[static_cast<std::size_t>(number % 4)].push_back(fmt::format("case_{:02}", number));
  }
  WriteFileAtomically(path, nlohmann::json{{"format", "sap-split"}, {"folds", folds}}.dump());
}

TEST(SapEvaluatePeer, NumPyAndSciPyFindEveryCellOfTheTables) {
  SAP_REQUIRE_PEER(python, "numpy, scipy, nibabel");
  const fs::path root = sap::testing::FreshFolder();
  for (int number = 0; number < 13; ++number) WriteCase(root, number);
  WriteSplit(root / "split.json");
  const std::string folder = root.string();
  std::vector<std::string> words = {"--quiet"};
  for (const std::string& setting : {"reference_dir=" + folder + "/reference",
                                     "methods=[ssl=" + folder + "/ssl,sap=" + folder + "/sap]",
                                     "folds=" + folder + "/split.json",
                                     "output_dir=" + folder + "/out",
                                     std::string("threshold=0.5"),
                                     std::string("froc_band_resamples=50"),
                                     std::string("figures=false")}) {
    words.emplace_back("--set");
    words.push_back(setting);
  }
  ASSERT_EQ(RunMain(EvaluateMain, words).code, 0);
  EXPECT_EQ(
      sap::testing::RunPeer(
          python,
          fmt::format("evaluate_peer.py {0}/reference {0}/out ssl={0}/ssl sap={0}/sap", folder)),
      0);
}

}  // namespace
}  // namespace sap::cli
