// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/feature_file.h"
#include "run_main.h"
#include "sap/cli/commands.h"
#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/nn/weights_io.h"
#include "support/feature_sets.h"
#include "support/peer_python.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

using sap::testing::FeatureScene;
using sap::testing::FreshFolder;
using sap::testing::MakeFeatureSet;
using ::testing::HasSubstr;
using ::testing::Not;

int Evaluate(const std::vector<std::string>& settings) {
  std::vector<std::string> words = {"--quiet"};
  for (const std::string& setting : settings) {
    words.emplace_back("--set");
    words.push_back(setting);
  }
  return RunMain(EvaluateMain, words).code;
}

// Folders of features as an encoder would leave them. Patients form clusters: without any, maps
// whose starts differ by one millionth end at divergences that differ by up to 14 %.
struct Scene {
  fs::path root = FreshFolder();

  Scene() {
    Write("ssl", {.num_features = 24, .shift = 0.5, .patient_part = 1.5});
    // More features than vectors.
    Write("sap", {.num_features = 200, .shift = 1.0, .patient_part = 1.5, .seed = 2});
  }

  void Write(const std::string& name, const FeatureScene& scene) const {
    const eval::FeatureSet set = MakeFeatureSet(scene);
    CreateFolder(root / name);
    nn::WriteSafetensors(root / name / "features.safetensors",
                         {.entries = {{"features", set.features_NE}}});
    Table table({"case", "subject", "kind", "lesion", "x_vox", "y_vox", "z_vox", "model"});
    for (std::size_t i = 0; i < set.patients.size(); ++i) {
      table.AddRow({set.patients[i] + "_exam",
                    set.patients[i],
                    set.is_lesion[i] ? "lesion" : "healthy",
                    set.is_lesion[i] ? fmt::format("{}", i) : "",
                    "10",
                    "20",
                    fmt::format("{}", i),
                    name + "_pretrained"});
    }
    WriteFileAtomically(root / name / "features.csv", table.Csv());
  }

  // Replaces the first place of `from` in the table of `name`.
  void Edit(const std::string& name, const std::string& from, const std::string& to) const {
    std::string text = ReadFile(root / name / "features.csv");
    text.replace(text.find(from), from.size(), to);
    WriteFileAtomically(root / name / "features.csv", text);
  }

  std::string Features(const std::string& name) const {
    return fmt::format("features.{}={}", name, (root / name).string());
  }
  std::string Output() const { return "output_dir=" + (root / "out").string(); }

  std::string MessageOfReading(const std::string& name) const {
    try {
      ReadFeatureFile(name, root / name);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kInput);
      return error.what();
    }
    return "nothing was thrown";
  }
};

TEST(SapEvaluateFeatures, WritesNumbersMapsAndTheFigure) {
  const Scene scene;
  const std::string published =
      (fs::path(SAP_SOURCE_DIR) / "configs" / "published_values.yaml").string();
  ASSERT_EQ(Evaluate({scene.Features("ssl"),
                      scene.Features("sap"),
                      scene.Output(),
                      "tsne_iterations=500",
                      "published_values=" + published}),
            0);
  const fs::path out = scene.root / "out";
  const auto rows = ParseCsv(ReadFile(out / "features.csv"));
  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[1][0], "sap");
  EXPECT_EQ(rows[2][0], "ssl");
  const auto json = nlohmann::json::parse(ReadFile(out / "features.json"));
  const auto& ssl = json.at("methods").at("ssl");
  EXPECT_EQ(ssl.at("n"), 120);
  EXPECT_EQ(ssl.at("patients"), 10);
  EXPECT_EQ(ssl.at("patients_with_both"), 10);
  EXPECT_EQ(ssl.at("model"), "ssl_pretrained");
  EXPECT_EQ(ssl.at("tsne_iterations"), 500);
  EXPECT_DOUBLE_EQ(ssl.at("published").at("centroid_distance"), 9.85);
  EXPECT_NEAR(ssl.at("published").at("ratio"), 0.462, 5e-4);
  EXPECT_GT(json.at("methods").at("sap").at("ratio"), ssl.at("ratio"));
  EXPECT_THAT(ReadFile(out / "features.md"), HasSubstr("(9.850)"));
  const auto vectors = ParseCsv(ReadFile(out / "tsne_ssl.csv"));
  ASSERT_EQ(vectors.size(), 121U);
  EXPECT_EQ(vectors[0],
            (std::vector<std::string>{"case",
                                      "subject",
                                      "kind",
                                      "lesion",
                                      "x_vox",
                                      "y_vox",
                                      "z_vox",
                                      "tsne_1",
                                      "tsne_2",
                                      "silhouette",
                                      "probe_fold",
                                      "probe_log_odds"}));
  EXPECT_EQ(vectors[120][6], "119");
  EXPECT_TRUE(fs::exists(out / "figures" / "features.gp"));
  EXPECT_TRUE(fs::exists(out / "figures" / "features_2.csv"));
  const std::string page = ReadFile(out / "report.html");
  EXPECT_THAT(page, HasSubstr("<h2 id=\"s1\">Clusters and linear probe</h2>"));
  EXPECT_THAT(page, HasSubstr("9.850"));
  EXPECT_THAT(page, Not(HasSubstr(scene.root.string())));
  EXPECT_THAT(ReadFile(out / "features.json"), Not(HasSubstr(scene.root.string())));
  if (!fs::exists("/usr/bin/gnuplot")) GTEST_SKIP() << "no gnuplot here";
  const std::string picture = ReadFile(out / "figures" / "features.svg");
  EXPECT_THAT(picture, HasSubstr("(paper 0.963)"));
  EXPECT_THAT(picture, HasSubstr("</svg>"));
  EXPECT_THAT(ReadFile(out / "figures" / "features.pdf").substr(0, 5), "%PDF-");
}

TEST(SapEvaluateFeatures, IsTheSameOnEveryRun) {
  const Scene scene;
  const std::vector<std::string> settings = {
      scene.Features("sap"), scene.Output(), "tsne_iterations=500", "figures=false"};
  ASSERT_EQ(Evaluate(settings), 0);
  const std::string first = ReadFile(scene.root / "out" / "tsne_sap.csv");
  ASSERT_EQ(Evaluate(settings), 0);
  EXPECT_EQ(ReadFile(scene.root / "out" / "tsne_sap.csv"), first);
}

TEST(ReadFeatureFile, TakesColumnsInAnyOrder) {
  const Scene scene;
  const auto rows = ParseCsv(ReadFile(scene.root / "ssl" / "features.csv"));
  std::string turned;
  for (const auto& row : rows) {
    turned += "extra," + fmt::format("{}", fmt::join(row.rbegin(), row.rend(), ",")) + "\n";
  }
  const FeatureFile before = ReadFeatureFile("ssl", scene.root / "ssl");
  WriteFileAtomically(scene.root / "ssl" / "features.csv", turned);
  const FeatureFile after = ReadFeatureFile("ssl", scene.root / "ssl");
  EXPECT_EQ(after.origins, before.origins);
  EXPECT_EQ(after.set.is_lesion, before.set.is_lesion);
  EXPECT_EQ(after.set.patients, before.set.patients);
}

TEST(ReadFeatureFile, NamesWhatDoesNotFit) {
  const Scene scene;
  scene.Edit("ssl", ",kind,", ",sort,");
  EXPECT_THAT(scene.MessageOfReading("ssl"),
              HasSubstr("features.ssl: features.csv lacks the column kind; its first line must "
                        "name case, subject, kind"));
  const Scene again;
  again.Edit("ssl", ",lesion,0,", ",tumour,0,");
  again.Edit("ssl", "patient_1_exam,patient_1,healthy", "patient_1_exam,,healthy");
  EXPECT_THAT(again.MessageOfReading("ssl"),
              HasSubstr("row 1: kind is 'tumour', not lesion or healthy; row 2: subject is empty"));
  again.Edit("sap", "sap_pretrained", "ssl_pretrained");
  EXPECT_THAT(again.MessageOfReading("sap"), HasSubstr("vectors of 2 models"));
}

TEST(ReadFeatureFile, NamesBothNumbersWhereRowsAndVectorsDiffer) {
  const Scene scene;
  std::string text = ReadFile(scene.root / "ssl" / "features.csv");
  text.resize(text.rfind("patient_10_exam"));
  WriteFileAtomically(scene.root / "ssl" / "features.csv", text);
  EXPECT_THAT(scene.MessageOfReading("ssl"),
              HasSubstr("features.csv has 119 rows, features.safetensors holds 120 vectors"));
  nn::WriteSafetensors(scene.root / "ssl" / "features.safetensors",
                       {.entries = {{"features", at::zeros({119, 2, 3})}}});
  EXPECT_THAT(scene.MessageOfReading("ssl"), HasSubstr("float32[119, 2, 3]"));
  nn::WriteSafetensors(scene.root / "ssl" / "features.safetensors",
                       {.entries = {{"vectors", at::zeros({119, 2})}}});
  EXPECT_THAT(scene.MessageOfReading("ssl"), HasSubstr("no tensor named features"));
}

TEST(SapEvaluateFeatures, RefusesWhatItCannotDo) {
  const Scene scene;
  const std::string features = scene.Features("ssl");
  EXPECT_EQ(Evaluate({features, scene.Output(), "prediction_dir=somewhere"}), 2);
  EXPECT_EQ(Evaluate({"features={a/b: " + (scene.root / "ssl").string() + "}", scene.Output()}), 2);
  EXPECT_EQ(Evaluate({features, scene.Output(), "tsne_perplexity=200"}), 3);
  EXPECT_EQ(Evaluate({"features.ssl=nowhere", scene.Output()}), 4);
  // The results would replace the table that they are computed from.
  const std::string before = ReadFile(scene.root / "ssl" / "features.csv");
  EXPECT_EQ(Evaluate({features, "output_dir=" + (scene.root / "ssl").string()}), 2);
  EXPECT_EQ(ReadFile(scene.root / "ssl" / "features.csv"), before);
}

TEST(SapEvaluateFeatures, AgreesWithScikitLearn) {
  SAP_REQUIRE_PEER(python, "sklearn");
  const Scene scene;
  ASSERT_EQ(Evaluate({scene.Features("ssl"),
                      scene.Features("sap"),
                      scene.Output(),
                      "probe_c=0.1",
                      "figures=false"}),
            0);
  EXPECT_EQ(sap::testing::RunPeer(python,
                                  fmt::format("features_peer.py {} {} ssl sap",
                                              scene.root.string(),
                                              (scene.root / "out").string())),
            0);
}

}  // namespace
}  // namespace sap::cli
