// SPDX-License-Identifier: Apache-2.0
#include <fstream>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/predict_options.h"
#include "run_main.h"
#include "sap/cli/commands.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "sap/nn/init.h"
#include "sap/nn/swin_unetr.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/init_strategy.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::cli {
namespace {

using sap::testing::FreshFolder;
using sap::testing::TensorNear;
using ::testing::HasSubstr;

const Geometry kGrid{.size_vox = {70, 64, 40}, .spacing_mm = {4, 4, 4}};

// Two noisy case folders, weights of a small lesion network, and the words to predict them.
struct Scene {
  fs::path root = FreshFolder();

  Scene() {
    for (const char* id : {"a", "b"}) {
      fs::create_directories(root / "in" / id);
      uint64_t k = id[0];
      for (const char* name : {"T1", "b1000"}) {
        const Tensor noise = sap::testing::GoldenFill(++k, {70, 64, 40}).abs();
        WriteVolume(Image(id, name), {noise, kGrid});
      }
    }
    WriteWeights("w.safetensors", 12, 1);
    WriteWeights("w2.safetensors", 12, 2);
  }

  fs::path Image(const std::string& id, const std::string& name) const {
    return root / "in" / id / (name + ".nii.gz");
  }

  void WriteWeights(const std::string& name, int64_t feature_size, uint64_t seed) const {
    at::manual_seed(seed);
    const nn::SwinUnetrOptions options{.feature_size = feature_size};
    nn::SwinUnetr model(options);
    nn::WriteSafetensors(
        root / name,
        {.entries = nn::StateDict(*model), .metadata = transfer::NetworkMetadata(options)});
  }

  Outcome Predict(const std::string& out,
                  const std::vector<std::string>& more = {},
                  const std::string& weights = "w.safetensors") const {
    std::vector<std::string> words = {"--set",
                                      "input_dir=" + (root / "in").string(),
                                      "--set",
                                      "output_dir=" + (root / out).string(),
                                      "--set",
                                      "roi_size=64",
                                      "--set",
                                      "precision=fp32"};
    if (!weights.empty()) {
      words.insert(words.end(), {"--set", "weights=" + (root / weights).string()});
    }
    for (const std::string& setting : more) words.insert(words.end(), {"--set", setting});
    return RunMain(PredictMain, words);
  }
};

TEST(PredictCommand, WritesMapsTablesAndARecordOnTheCasesOwnGrid) {
  const Scene scene;
  const Outcome outcome = scene.Predict("out");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  for (const char* id : {"a", "b"}) {
    const fs::path folder = scene.root / "out" / id;
    const Volume labels = ReadLabels(folder / "prediction.nii.gz");
    const Volume probability = ReadVolume(folder / "probability.nii.gz");
    EXPECT_TRUE(labels.geometry().SameGridAs(kGrid));
    EXPECT_TRUE(at::equal(labels.data() == 1, probability.data() > 0.5));
    EXPECT_THAT(ReadFile(folder / "prediction.label"), HasSubstr("\""));
    EXPECT_GT(ReadFile(folder / "prediction.ctbl").size(), 20U);
    const auto record = nlohmann::json::parse(ReadFile(folder / "prediction.json"));
    EXPECT_EQ(record.at("weights")[0].at("sha256"), Sha256OfFile(scene.root / "w.safetensors"));
    EXPECT_EQ(record.dump().find(scene.root.string()), std::string::npos);
  }
}

TEST(PredictCommand, NeverReplacesAFolderThatHoldsAnothersFiles) {
  const Scene scene;
  const std::string t1_sha256 = Sha256OfFile(scene.Image("a", "T1"));
  const Outcome onto_input = scene.Predict("in");
  EXPECT_EQ(onto_input.code, 4) << onto_input.err;
  EXPECT_THAT(onto_input.err, HasSubstr("a: its folder in output_dir holds 2 files that this"));
  EXPECT_THAT(onto_input.err, HasSubstr("b: its folder in output_dir holds 2 files that this"));
  EXPECT_EQ(Sha256OfFile(scene.Image("a", "T1")), t1_sha256);

  ASSERT_EQ(scene.Predict("out", {"case_list=[a]"}).code, 0);
  ASSERT_EQ(scene.Predict("out", {"case_list=[a]"}).code, 0);  // its own files are replaced
  WriteFileAtomically(scene.root / "out" / "a" / "corrected.nii.gz", "drawn by hand");
  const Outcome again = scene.Predict("out", {"case_list=[a]"});
  EXPECT_EQ(again.code, 4);
  EXPECT_THAT(again.err, HasSubstr("a: its folder in output_dir holds a file that this program"));
  EXPECT_EQ(ReadFile(scene.root / "out" / "a" / "corrected.nii.gz"), "drawn by hand");
  EXPECT_EQ(scene.Predict("out", {"case_list=[a]", "skip_existing=true"}).code, 0);
}

TEST(PredictCommand, AnEnsembleAveragesProbabilities) {
  const Scene scene;
  ASSERT_EQ(scene.Predict("one", {"case_list=[a]"}).code, 0);
  ASSERT_EQ(scene.Predict("two", {"case_list=[a]"}, "w2.safetensors").code, 0);
  const std::string both = fmt::format("weights=[{}, {}]",
                                       (scene.root / "w.safetensors").string(),
                                       (scene.root / "w2.safetensors").string());
  ASSERT_EQ(scene.Predict("mean", {"case_list=[a]", both}, "").code, 0);
  const auto probability = [&](const char* out) {
    return ReadVolume(scene.root / out / "a" / "probability.nii.gz").data();
  };
  EXPECT_TRUE(TensorNear(probability("mean"), (probability("one") + probability("two")) / 2, 1e-5));
  EXPECT_FALSE(fs::exists(scene.root / "mean" / "b"));
}

TEST(PredictCommand, AFailedCaseDoesNotStopTheOthers) {
  const Scene scene;
  WriteVolume(scene.Image("a", "b1000"), {at::ones({70, 64, 39}), {.size_vox = {70, 64, 39}}});
  const Outcome outcome = scene.Predict("out");
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("1 of 2 cases failed"));
  EXPECT_THAT(outcome.err, HasSubstr("a: b1000.nii.gz is not on the grid of T1.nii.gz"));
  EXPECT_TRUE(fs::exists(scene.root / "out" / "b" / "prediction.nii.gz"));
  EXPECT_FALSE(fs::exists(scene.root / "out" / "a"));
}

TEST(PredictCommand, NamesWeightsOfAnotherWidth) {
  const Scene scene;
  const Outcome outcome = scene.Predict("out", {"feature_size=48"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err,
              HasSubstr("w.safetensors: feature_size is 12 in these weights and 48 in the config"));
  EXPECT_FALSE(fs::exists(scene.root / "out"));
}

TEST(PredictCommand, NamesMissingCasesAndModalities) {
  const Scene scene;
  fs::remove(scene.Image("b", "b1000"));
  const Outcome missing = scene.Predict("out");
  EXPECT_EQ(missing.code, 3);
  EXPECT_THAT(missing.err, HasSubstr("b: b1000 is missing"));
  EXPECT_THAT(scene.Predict("out", {"case_list=[z]"}).err, HasSubstr("z: no such case folder"));
  const Outcome channels = scene.Predict("out", {"modalities=[T1]"});
  EXPECT_EQ(channels.code, 2);
  EXPECT_THAT(channels.err, HasSubstr("2 input channels"));
}

TEST(PredictCommand, AnAbsentModalityIsBackgroundAndStandsInTheRecord) {
  const Scene scene;
  for (const char* id : {"a", "b"}) fs::remove(scene.Image(id, "b1000"));
  const Outcome outcome = scene.Predict("out", {"absent=[b1000]", "exact=true"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto record = nlohmann::json::parse(ReadFile(scene.root / "out" / "b" / "prediction.json"));
  EXPECT_EQ(record.at("absent"), nlohmann::json({"b1000"}));
  // A constant volume normalises to background: the same network input by another way.
  for (const char* id : {"a", "b"}) {
    WriteVolume(scene.Image(id, "b1000"), {at::full({70, 64, 40}, 3.0F), kGrid});
  }
  ASSERT_EQ(scene.Predict("flat", {"exact=true"}).code, 0);
  const auto map = [&](const char* out, const char* id) {
    return ReadVolume(scene.root / out / id / "probability.nii.gz").data();
  };
  for (const char* id : {"a", "b"}) EXPECT_TRUE(at::equal(map("out", id), map("flat", id)));
  EXPECT_EQ(
      nlohmann::json::parse(ReadFile(scene.root / "flat" / "a" / "prediction.json")).at("absent"),
      nlohmann::json::array());
}

TEST(PredictCommand, RefusesAbsentNamesBeforeReadingACase) {
  const Scene scene;
  for (const char* absent : {"absent=[ADC]", "absent=[T1, b1000]"}) {
    const Outcome outcome = scene.Predict("out", {absent});
    EXPECT_EQ(outcome.code, 2);
    EXPECT_THAT(outcome.err, HasSubstr("the model's modalities are T1, b1000"));
  }
  EXPECT_FALSE(fs::exists(scene.root / "out"));
}

TEST(PredictCommand, ReadsTheAuthorsInferConfig) {
  const Scene scene;
  nlohmann::json config = {{"model_type", "lesion"},
                           {"input_dir", (scene.root / "in").string()},
                           {"case_list", nullptr},
                           {"output_dir", (scene.root / "out").string()},
                           {"modalities", {"T1.nii.gz", "b1000.nii.gz"}},
                           {"weights", (scene.root / "w.safetensors").string()},
                           {"roi_x", 64},
                           {"roi_y", 64},
                           {"roi_z", 64},
                           {"sw_batch_size", 20},
                           {"infer_overlap", 0.5},
                           {"feature_size", 12},
                           {"in_channels", 2},
                           {"out_channels", nullptr},
                           {"use_checkpoint", false},
                           {"save_probs", false},
                           {"prob_class", 1},
                           {"majority_vote", true},
                           {"no_amp", true}};
  std::ofstream(scene.root / "infer_config.json") << config.dump(2);
  Outcome outcome = RunMain(PredictMain, {"--config", (scene.root / "infer_config.json").string()});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(fs::exists(scene.root / "out" / "a" / "prediction.nii.gz"));
  EXPECT_FALSE(fs::exists(scene.root / "out" / "a" / "probability.nii.gz"));
  config["model_type"] = "skeletal";
  std::ofstream(scene.root / "infer_config.json") << config.dump(2);
  outcome = RunMain(PredictMain, {"--config", (scene.root / "infer_config.json").string()});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("out_channels is 2 in these weights and 10 in the config"));
}

TEST(EvaluateCommand, ScoresPredictionsAndRefusesOtherGrids) {
  const fs::path root = FreshFolder();
  Tensor reference = at::zeros({12, 12, 12}, at::kByte);
  reference.narrow(0, 2, 3).narrow(1, 2, 3).narrow(2, 2, 3).fill_(1);
  for (const char* id : {"tune", "test"}) {
    fs::create_directories(root / "ref" / id);
    fs::create_directories(root / "pred" / id);
    const Geometry grid{.size_vox = {12, 12, 12}};
    WriteVolume(root / "ref" / id / "GT.nii.gz", {reference, grid});
    WriteVolume(root / "pred" / id / "probability.nii.gz", {reference.to(at::kFloat) * 0.6, grid});
  }
  const std::vector<std::string> words = {"--reference_dir",
                                          (root / "ref").string(),
                                          "--prediction_dir",
                                          (root / "pred").string(),
                                          "--output_dir",
                                          (root / "out").string(),
                                          "--tuning_cases",
                                          "[tune]"};
  Outcome outcome = RunMain(EvaluateMain, words);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const auto summary = nlohmann::json::parse(ReadFile(root / "out" / "summary.json"));
  EXPECT_EQ(summary.at("lesions").at("num_cases"), 1);
  EXPECT_DOUBLE_EQ(summary.at("lesions").at("rules").at("threshold"), 0.6);
  EXPECT_DOUBLE_EQ(summary.at("foreground_mean").at("Dice"), 1.0);
  WriteVolume(root / "pred" / "test" / "probability.nii.gz",
              {at::zeros({12, 12, 12}), {.size_vox = {12, 12, 12}, .spacing_mm = {1, 1, 2}}});
  outcome = RunMain(EvaluateMain, words);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("test: the prediction is not on the reference's grid"));
  fs::remove_all(root / "ref" / "test");
  outcome = RunMain(EvaluateMain, words);
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("test: has no reference in reference_dir; add it, or name"));
}

}  // namespace
}  // namespace sap::cli
