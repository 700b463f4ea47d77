// SPDX-License-Identifier: Apache-2.0
#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "run_main.h"
#include "sap/cli/commands.h"
#include "sap/core/files.h"
#include "sap/core/tables.h"
#include "sap/image/volume_io.h"
#include "support/shared_folder.h"

namespace sap::cli {
namespace {

using sap::testing::FreshFolder;
using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;

int Evaluate(const std::vector<std::string>& words) {
  return RunMain(EvaluateMain, words).code;
}

const Geometry kGrid{.size_vox = {24, 20, 16}, .spacing_mm = {3, 3, 4}};

void Paint(Tensor& map_XYZ, const XyzInt& at, float value) {
  map_XYZ.slice(0, at.x, at.x + 4).slice(1, at.y, at.y + 4).slice(2, at.z, at.z + 4).fill_(value);
}

// Five cases of two lesions (2.3 mL each): `sap` finds both, `ssl` the first, and both have one
// false positive of lower score.
struct Scene {
  fs::path root = FreshFolder();

  Scene() {
    for (int i = 0; i < 5; ++i) {
      Tensor reference = at::zeros({24, 20, 16}, at::kByte);
      Paint(reference, {2 + i, 2, 2}, 1);
      Paint(reference, {14, 2 + i, 8}, 1);
      Tensor sap = at::zeros({24, 20, 16});
      Paint(sap, {3 + i, 2, 2}, 0.9F);
      Paint(sap, {14, 3 + i, 8}, 0.8F);
      Paint(sap, {2, 14, 10}, 0.6F);
      Tensor ssl = at::zeros({24, 20, 16});
      Paint(ssl, {4 + i, 3, 2}, 0.7F);
      Paint(ssl, {2, 14, 10}, 0.6F);
      Write("reference", i, reference);
      Write("sap", i, sap);
      Write("ssl", i, ssl);
    }
  }

  void Write(const char* folder, int i, const Tensor& data_XYZ) const {
    CreateFolder(root / folder);
    WriteVolume(root / folder / fmt::format("case_{}.nii.gz", i), Volume(data_XYZ, kGrid));
  }

  std::vector<std::string> Words(const std::vector<std::string>& settings) const {
    std::vector<std::string> words = {"--quiet",
                                      "--set",
                                      "reference_dir=" + (root / "reference").string(),
                                      "--set",
                                      "output_dir=" + (root / "out").string()};
    for (const std::string& setting : settings) {
      words.emplace_back("--set");
      words.push_back(setting);
    }
    return words;
  }

  std::string Methods() const {
    return fmt::format("methods=[ssl={},sap={}]", (root / "ssl").string(), (root / "sap").string());
  }
};

TEST(SapEvaluate, WritesEveryTableForTwoFoldersOfFiles) {
  const Scene scene;
  ASSERT_EQ(
      Evaluate(scene.Words({"prediction_dir=" + (scene.root / "sap").string(), "figures=false"})),
      0);
  const fs::path out = scene.root / "out";
  for (const char* name : {"cases.csv",
                           "lesions.csv",
                           "candidates.csv",
                           "froc.csv",
                           "volume_curve.csv",
                           "tests.csv",
                           "summary.json",
                           "table.md",
                           "table1.md",
                           "table1.csv",
                           "table1.tex",
                           "report.html"}) {
    EXPECT_TRUE(fs::exists(out / name)) << name;
  }
  const auto summary = nlohmann::json::parse(ReadFile(out / "summary.json"));
  EXPECT_EQ(summary.at("lesions").at("pooled").at("all").at("detected"), 10);
  EXPECT_EQ(summary.at("lesions").at("pooled").at("all").at("false_positives"), 5);
  // All lesions are above every false positive: the curve is 1 from 0 on.
  EXPECT_DOUBLE_EQ(summary.at("froc").at("all").at("area"), 15.0);
  EXPECT_THAT(ReadFile(out / "lesions.csv"), HasSubstr("nsd_surfel_2mm"));
}

TEST(SapEvaluate, ComparesMethodsWithTestsAndPublishedValues) {
  const Scene scene;
  const std::string published =
      (fs::path(SAP_SOURCE_DIR) / "configs" / "published_values.yaml").string();
  ASSERT_EQ(Evaluate(scene.Words({scene.Methods(), "published_values=" + published})), 0);
  const fs::path out = scene.root / "out";
  EXPECT_TRUE(fs::exists(out / "sap" / "lesions.csv"));
  const auto rows = ParseCsv(ReadFile(out / "tests.csv"));
  ASSERT_EQ(rows.size(), 11U);  // ten metrics, one pair
  EXPECT_EQ(rows[1][0], "sensitivity");
  EXPECT_EQ(rows[1][3], "wilcoxon");
  // Five differences of -0.5 each: 2 of 32 sign flips are as extreme.
  EXPECT_EQ(rows[1][9], "0.0625");
  EXPECT_THAT(ReadFile(out / "published.md"), HasSubstr("0.714"));
  const std::string page = ReadFile(out / "report.html");
  EXPECT_THAT(page, HasSubstr("0.714"));
  EXPECT_THAT(page, Not(ContainsRegex("(src|href)=\"[^d#]")));  // data: and its own sections
  EXPECT_THAT(page, Not(HasSubstr("http")));
  EXPECT_THAT(page, Not(HasSubstr(scene.root.string())));
  for (const char* name : {"froc.gp", "volume_curve.gp", "bland_altman.gp", "box_f2.gp"}) {
    EXPECT_TRUE(fs::exists(out / "figures" / name)) << name;
  }
  if (!fs::exists("/usr/bin/gnuplot")) GTEST_SKIP() << "no gnuplot here";
  for (const auto& entry : fs::directory_iterator(out / "figures")) {
    if (entry.path().extension() != ".gp") continue;
    fs::path picture = entry.path();
    picture.replace_extension("svg");
    EXPECT_THAT(ReadFile(picture), HasSubstr("</svg>")) << picture;
    picture.replace_extension("pdf");
    EXPECT_EQ(ReadFile(picture).substr(0, 5), "%PDF-") << picture;
  }
  EXPECT_THAT(page, HasSubstr("data:image/svg+xml;base64,"));
}

TEST(SapEvaluate, SaysWhatIsWrongWithMethods) {
  const Scene scene;
  EXPECT_EQ(Evaluate(scene.Words({"methods=[sap]"})), 2);
  EXPECT_EQ(Evaluate(scene.Words({})), 2);
  fs::remove(scene.root / "ssl" / "case_4.nii.gz");
  EXPECT_EQ(Evaluate(scene.Words({scene.Methods()})), 3);
}

TEST(SapEvaluate, GivesMeansOverFoldsOfASplit) {
  const Scene scene;
  fs::remove(scene.root / "sap" / "case_4.nii.gz");
  Tensor empty = at::zeros({24, 20, 16});
  scene.Write("sap", 0, empty);
  const std::string prediction = "prediction_dir=" + (scene.root / "sap").string();
  const auto run = [&](const std::string& file, const std::string& text) {
    WriteFileAtomically(scene.root / file, text);
    return Evaluate(
        scene.Words({prediction, "figures=false", "folds=" + (scene.root / file).string()}));
  };
  const auto fold_mean = [&] {
    const auto summary = nlohmann::json::parse(ReadFile(scene.root / "out" / "summary.json"));
    return summary.at("means").at("prediction").at("all").at("sensitivity").at("fold_mean");
  };
  // case_0 misses both lesions; alone in its fold it weighs as much as the other three.
  ASSERT_EQ(
      run("own.json",
          R"({"format": "sap-split", "folds": [["case_0"], ["case_1", "case_2", "case_3"]]})"),
      0);
  EXPECT_DOUBLE_EQ(fold_mean(), 0.5);
  ASSERT_EQ(run("nnunet.json",
                R"([{"train": [], "val": ["case_0", "case_1"]},
                    {"train": [], "val": ["case_2", "case_3"]}])"),
            0);
  EXPECT_DOUBLE_EQ(fold_mean(), 0.75);
  ASSERT_EQ(run("own.csv", "case,fold\ncase_0,2\ncase_1,2\ncase_2,0\ncase_3,1\n"), 0);
  EXPECT_DOUBLE_EQ(fold_mean(), (0.5 + 1 + 1) / 3);
  EXPECT_THAT(ReadFile(scene.root / "out" / "report.html"), HasSubstr(">Means</h2>"));
  // A subject of two exams.
  WriteFileAtomically(scene.root / "reference" / "cohort.yaml",
                      "cases:\n- {case: case_0, subject: P1}\n- {case: case_1, subject: P1}\n");
  ASSERT_EQ(run("own.json", R"({"folds": [["P1"], ["case_2"], ["case_3"]]})"), 0);
  EXPECT_DOUBLE_EQ(fold_mean(), (0.5 + 1 + 1) / 3);
  // In no fold, in two folds, and no split at all.
  EXPECT_EQ(run("own.json", R"({"folds": [["P1"], ["case_2"]]})"), 3);
  EXPECT_EQ(run("own.json", R"({"folds": [["P1"], ["case_2", "case_3"], ["case_3"]]})"), 3);
  EXPECT_EQ(run("own.json", R"({"fold": 3})"), 3);
}

TEST(SapEvaluate, ShowsLesionsOnTheirImages) {
  const Scene scene;
  for (int i = 0; i < 5; ++i) {
    // On a grid of its own.
    const Geometry grid{.size_vox = {30, 24, 20}, .spacing_mm = {2.4, 2.5, 3.2}};
    const fs::path folder = scene.root / "images" / fmt::format("case_{}", i);
    CreateFolder(folder);
    WriteVolume(folder / "T1.nii.gz", Volume(at::rand({30, 24, 20}), grid));
  }
  const std::vector<std::string> settings = {
      scene.Methods(), "gallery_method=ssl", "gallery_lesions=2"};
  ASSERT_EQ(Evaluate(scene.Words(settings)), 0);
  const fs::path figures = scene.root / "out" / "figures";
  const auto rows = ParseCsv(ReadFile(figures / "gallery.csv"));
  EXPECT_EQ(rows.size(),
            1U + 2 * (3 + 2 + 2));  // percentiles, misses, false positives; two methods
  for (std::size_t r = 1; r < rows.size(); ++r) {
    EXPECT_EQ(ReadFile(figures / rows[r][0]).substr(1, 3), "PNG");
    if (rows[r][2].starts_with("missed") && rows[r][3] == "ssl") {
      EXPECT_EQ(rows[r][5], "missed");
    }
  }
  const std::string without = ReadFile(scene.root / "out" / "report.html");
  EXPECT_THAT(without, HasSubstr(">Lesions to look at</h2>"));
  EXPECT_THAT(without, HasSubstr("the probability map is shown"));
  std::vector<std::string> with_images = settings;
  with_images.push_back("image_dir=" + (scene.root / "images").string());
  ASSERT_EQ(Evaluate(scene.Words(with_images)), 0);
  const std::string page = ReadFile(scene.root / "out" / "report.html");
  EXPECT_THAT(page, Not(HasSubstr("the probability map is shown")));
  EXPECT_THAT(page, HasSubstr("data:image/png;base64,"));
}

TEST(SapEvaluate, ShowsNoLesionsWhereNoneAreAsked) {
  const Scene scene;
  ASSERT_EQ(Evaluate(scene.Words({scene.Methods(), "gallery_lesions=0"})), 0);
  EXPECT_FALSE(fs::exists(scene.root / "out" / "figures" / "gallery.csv"));
  EXPECT_EQ(Evaluate(scene.Words({scene.Methods(), "gallery_method=other"})), 2);
}

TEST(SapEvaluate, GivesTheSkeletonAPageToo) {
  const Scene scene;
  const std::string published =
      (fs::path(SAP_SOURCE_DIR) / "configs" / "published_values.yaml").string();
  ASSERT_EQ(Evaluate(scene.Words({"task=skeleton",
                                  "prediction_dir=" + (scene.root / "reference").string(),
                                  "published_values=" + published})),
            0);
  const std::string page = ReadFile(scene.root / "out" / "report.html");
  EXPECT_THAT(page, HasSubstr("<h1>Skeleton evaluation</h1>"));
  EXPECT_THAT(page, HasSubstr("skeleton dice: humerus"));
  EXPECT_THAT(page, Not(HasSubstr("literature")));
}

TEST(SapEvaluate, IsTheSameOnEveryRun) {
  const Scene scene;
  const auto words = scene.Words({scene.Methods(), "figures=false"});
  ASSERT_EQ(Evaluate(words), 0);
  const std::string first = ReadFile(scene.root / "out" / "table1.csv");
  ASSERT_EQ(Evaluate(words), 0);
  EXPECT_EQ(ReadFile(scene.root / "out" / "table1.csv"), first);
}

}  // namespace
}  // namespace sap::cli
