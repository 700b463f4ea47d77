// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/nn/swin_unetr.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/init_strategy.h"
#include "support/run_program.h"
#include "support/shared_folder.h"
#include "support/tiny_cohort.h"

namespace sap::cli {
namespace {

using ::testing::HasSubstr;
using testing::ProgramResult;

// A cohort with lesions and bones, and the weights of a small network.
struct Scene {
  fs::path root = testing::FreshFolder();

  Scene() {
    testing::MakeTinyCohort(root / "cohort", {.num_cases = 3, .size_vox = {64, 64, 96}});
    at::manual_seed(1);
    const nn::SwinUnetrOptions options{.feature_size = 12};
    nn::NamedTensors weights{.entries = nn::StateDict(*nn::SwinUnetr(options)),
                             .metadata = transfer::NetworkMetadata(options)};
    nn::WriteSafetensors(root / "whole.safetensors", weights);
    std::erase_if(weights.entries,
                  [](const auto& entry) { return !entry.first.starts_with("swinViT."); });
    nn::WriteSafetensors(root / "encoder.safetensors", weights);
  }

  ProgramResult Predict(const std::string& weights,
                        const std::string& out,
                        const std::vector<std::string>& more = {}) const {
    std::vector<std::string> command = {"sap-predict",
                                        "--features",
                                        "--input_dir",
                                        (root / "cohort").string(),
                                        "--output_dir",
                                        (root / out).string(),
                                        "--weights",
                                        "[" + (root / weights).string() + "]",
                                        "--roi_size",
                                        "[32, 32, 32]"};
    command.insert(command.end(), more.begin(), more.end());
    return testing::RunProgram(command);
  }
};

TEST(PredictFeatures, WritesOneVectorAPatchWithItsCaseAndLesion) {
  const Scene scene;
  const ProgramResult result = scene.Predict("whole.safetensors", "out");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const nn::NamedTensors read = nn::ReadSafetensors(scene.root / "out" / "features.safetensors");
  const Tensor features_NE = *read.Find("features");
  EXPECT_EQ(features_NE.sizes(), (std::vector<int64_t>{12, 192}));
  const auto rows = ParseCsv(ReadFile(scene.root / "out" / "features.csv"));
  ASSERT_EQ(rows.size(), 13U);
  EXPECT_EQ(rows[1][0], "case_00");
  EXPECT_EQ(rows[1][2], "lesion");
  EXPECT_EQ(rows[1][3], "1");
  EXPECT_EQ(rows[12][2], "healthy");
  EXPECT_EQ(rows[12][3], "");
  EXPECT_GT((features_NE[0] - features_NE[11]).abs().max().item<double>(), 1e-3);
}

TEST(PredictFeatures, AnEncoderAloneIsEnough) {
  const Scene scene;
  ASSERT_EQ(scene.Predict("whole.safetensors", "a").exit_code, 0);
  const ProgramResult result = scene.Predict("encoder.safetensors", "b");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const auto features = [&](const char* out) {
    return *nn::ReadSafetensors(scene.root / out / "features.safetensors").Find("features");
  };
  EXPECT_TRUE(at::equal(features("a"), features("b")));
}

TEST(PredictFeatures, ADryRunSaysHowManyAndWritesNoVector) {
  const Scene scene;
  const ProgramResult result = scene.Predict("whole.safetensors", "out", {"--dry-run"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("12 vectors of 192 numbers would go into"));
  EXPECT_FALSE(fs::exists(scene.root / "out" / "features.safetensors"));
  EXPECT_FALSE(fs::exists(scene.root / "out" / "features.csv"));
}

TEST(PredictFeatures, RefusesAbsentModalities) {
  const Scene scene;
  const ProgramResult result = scene.Predict("whole.safetensors", "out", {"--absent", "[b1000]"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("absent"));
}

TEST(PredictFeatures, NamesACaseWithoutBones) {
  const Scene scene;
  fs::remove(scene.root / "cohort" / "case_01" / "skeleton.nii.gz");
  const ProgramResult result = scene.Predict("whole.safetensors", "out");
  EXPECT_EQ(result.exit_code, 3);
  EXPECT_THAT(result.err, HasSubstr("case_01"));
  EXPECT_THAT(result.err, HasSubstr("skeleton"));
}

}  // namespace
}  // namespace sap::cli
