// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <functional>
#include <set>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "cli/evaluate_preset.h"
#include "run_main.h"
#include "sap/cli/commands.h"
#include "sap/core/files.h"
#include "sap/core/parallel.h"
#include "sap/core/tables.h"
#include "sap/image/volume_io.h"
#include "support/folder_hashes.h"
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

TEST(SapEvaluate, WritesTheSameBytesWithAnyNumberOfThreads) {
  const Scene scene;
  const auto run = [&](int threads) {
    SetNumThreads(threads);
    EXPECT_EQ(Evaluate(scene.Words({scene.Methods()})), 0);
    SetNumThreads(0);
    auto files = sap::testing::HashesBelow(scene.root / "out");
    fs::remove_all(scene.root / "out");
    return files;
  };
  const auto one = run(1);
  const auto three = run(3);
  EXPECT_GT(one.size(), 30U);
  ASSERT_EQ(three.size(), one.size());
  for (const auto& [name, hash] : one) EXPECT_EQ(three.at(name), hash) << name;
}

nlohmann::json Summary(const Scene& scene) {
  return nlohmann::json::parse(ReadFile(scene.root / "out" / "summary.json"));
}

TEST(SapEvaluate, APresetSetsTheOpenChoicesAndAGivenKeyGoesBeforeIt) {
  const Scene scene;
  const std::string folder = "prediction_dir=" + (scene.root / "sap").string();
  ASSERT_EQ(Evaluate(scene.Words({folder, "figures=false"})), 0);
  auto rules = Summary(scene).at("rules");
  EXPECT_EQ(rules.at("preset"), "paper");
  EXPECT_EQ(rules.at("choices").at("connectivity"), 6);
  EXPECT_EQ(rules.at("choices").at("froc"), "sweep");
  EXPECT_EQ(rules.at("choices").at("bootstrap_resamples"), 1000);
  EXPECT_EQ(rules.at("changed"), nlohmann::json::array());
  ASSERT_EQ(
      Evaluate(scene.Words({folder, "figures=false", "bootstrap_resamples=500", "preset=field"})),
      0);
  rules = Summary(scene).at("rules");
  EXPECT_EQ(rules.at("preset"), "field");
  EXPECT_EQ(rules.at("choices").at("connectivity"), 26);
  EXPECT_EQ(rules.at("choices").at("froc"), "candidate");
  EXPECT_EQ(rules.at("choices").at("lesion_bootstrap"), "patient");
  EXPECT_EQ(rules.at("choices").at("bootstrap_resamples"), 500);
  EXPECT_EQ(rules.at("changed"), nlohmann::json::array({"bootstrap_resamples"}));
  EXPECT_EQ(Summary(scene).at("lesions").at("rules").at("connectivity"), 26);
  const std::string page = ReadFile(scene.root / "out" / "report.html");
  EXPECT_THAT(page, HasSubstr("Preset field;"));
  EXPECT_THAT(page, HasSubstr(">10000</td>"));  // what the preset would have
}

TEST(SapEvaluate, ASecondRuleOfMatchingHasATableOfItsOwn) {
  const Scene scene;
  const fs::path second = scene.root / "out" / "table1_second.csv";
  ASSERT_EQ(Evaluate(scene.Words({scene.Methods(), "figures=false"})), 0);
  EXPECT_FALSE(fs::exists(second));
  const std::string first = ReadFile(scene.root / "out" / "table1.csv");
  // Of two equal cubes of 4 voxels an edge, shifted by one: IoU 0.6; by (2, 1): 24 / 104.
  ASSERT_EQ(Evaluate(scene.Words(
                {scene.Methods(), "figures=false", "second_matching=iou", "min_overlap_frac=0.3"})),
            0);
  EXPECT_EQ(ReadFile(scene.root / "out" / "table1.csv"), first);
  const auto sensitivity =
      Summary(scene).at("second_matching").at("table1").at("detection_all").at("sensitivity");
  EXPECT_EQ(sensitivity.at("ssl").at("median"), 0);
  EXPECT_EQ(sensitivity.at("sap").at("median"), 1);
  EXPECT_EQ(ParseCsv(ReadFile(scene.root / "out" / "tests_second.csv")).size(), 11U);
  EXPECT_THAT(ReadFile(scene.root / "out" / "report.html"), HasSubstr("matched by iou &gt;= 0.3"));
  // The preset `field` has one, which can be dropped; then none stays from before.
  fs::remove(second);
  ASSERT_EQ(Evaluate(scene.Words({scene.Methods(), "figures=false", "preset=field"})), 0);
  EXPECT_TRUE(fs::exists(second));
  ASSERT_EQ(Evaluate(scene.Words(
                {scene.Methods(), "figures=false", "preset=field", "second_matching=null"})),
            0);
  EXPECT_FALSE(fs::exists(second));
}

TEST(SapEvaluate, EveryChoiceOfTheTablesIsInTheRecord) {
  EvaluateOptions options;
  OptionTable all(options);
  const auto choices = RulesJson(options).at("choices");
  for (const OptionField& field : all.fields()) {
    const bool is_rule = field.key.starts_with("froc") || field.key.starts_with("large_") ||
                         field.key.starts_with("min_") || field.key.starts_with("nsd") ||
                         field.key.starts_with("empty_");
    EXPECT_TRUE(!is_rule || choices.contains(field.key)) << field.key;
  }
}

// Case folders, so that an instance map has a place.
Scene WithInstances(const std::function<void(Tensor&)>& change) {
  Scene scene;
  for (int i = 0; i < 5; ++i) {
    const fs::path folder = scene.root / "reference" / fmt::format("case_{}", i);
    CreateFolder(folder);
    fs::rename(folder.string() + ".nii.gz", folder / "GT.nii.gz");
    Tensor instances = ReadLabels(folder / "GT.nii.gz").data().to(at::kShort).clone();
    instances.slice(0, 14, 18).mul_(7);
    change(instances);
    WriteVolume(folder / "GT_instances.nii.gz", Volume(instances, kGrid));
  }
  return scene;
}

TEST(SapEvaluate, InstancesOfAFileReplaceComponents) {
  // The second lesion's halves are two instances.
  const Scene scene = WithInstances([](Tensor& map) {
    Tensor half = map.slice(0, 14, 16);
    half.masked_fill_(half.eq(7), 8);
  });
  const std::string folder = "prediction_dir=" + (scene.root / "sap").string();
  ASSERT_EQ(Evaluate(scene.Words({folder, "figures=false"})), 0);
  EXPECT_EQ(Summary(scene).at("lesions").at("pooled").at("all").at("lesions"), 10);
  ASSERT_EQ(Evaluate(scene.Words({folder, "figures=false", "gt_instances=file"})), 0);
  const auto pooled = Summary(scene).at("lesions").at("pooled").at("all");
  EXPECT_EQ(pooled.at("lesions"), 15);
  EXPECT_EQ(pooled.at("detected"), 15);
}

TEST(SapEvaluate, LabelsOfTheReferenceAreInstancesWithoutAFile) {
  const Scene scene;
  Tensor labels = at::zeros({24, 20, 16}, at::kByte);
  Paint(labels, {2, 2, 2}, 1);
  Paint(labels, {6, 2, 2}, 2);
  scene.Write("reference", 0, labels);
  const std::vector<std::string> settings = {
      "prediction_dir=" + (scene.root / "sap").string(), "figures=false", "cases=[case_0]"};
  ASSERT_EQ(Evaluate(scene.Words(settings)), 0);
  EXPECT_EQ(Summary(scene).at("lesions").at("pooled").at("all").at("lesions"), 1);
  auto with_file = settings;
  with_file.emplace_back("gt_instances=file");
  ASSERT_EQ(Evaluate(scene.Words(with_file)), 0);
  EXPECT_EQ(Summary(scene).at("lesions").at("pooled").at("all").at("lesions"), 2);
}

TEST(SapEvaluate, RefusesInstancesThatMarkOtherVoxels) {
  const Scene scene = WithInstances([](Tensor& map) { map[0][0][0] = 3; });
  const Outcome outcome = RunMain(
      EvaluateMain,
      scene.Words({"prediction_dir=" + (scene.root / "sap").string(), "gt_instances=file"}));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("case_0: GT_instances.nii.gz and GT.nii.gz differ in 1 vox"));
}

TEST(SapEvaluate, WritesHowNumbersMoveWithTheChoices) {
  const Scene scene;
  ASSERT_EQ(Evaluate(scene.Words({scene.Methods(), "figures=false", "sensitivity_analysis=true"})),
            0);
  const fs::path out = scene.root / "out";
  const auto rows = ParseCsv(ReadFile(out / "sensitivity.csv"));
  std::set<std::string> ids;
  for (const auto& row : rows) ids.insert(row[0]);
  for (const char* id :
       {"A1", "A2", "A3", "A4", "A5", "A6", "A7", "A8", "A9", "A10", "A14", "A15", "A16", "A17"}) {
    EXPECT_TRUE(ids.contains(id)) << id;
  }
  EXPECT_THAT(ReadFile(out / "sensitivity.md"), HasSubstr("| connectivity"));
  EXPECT_THAT(ReadFile(out / "report.html"), HasSubstr("How the numbers move"));
}

std::string ErrorOf(const Scene& scene, const std::vector<std::string>& settings) {
  const Outcome outcome = RunMain(EvaluateMain, scene.Words(settings));
  EXPECT_EQ(outcome.code, 3) << outcome.err;
  return outcome.err;
}

TEST(SapEvaluate, RefusesMapsThatAreNoProbabilitiesOfTheCase) {
  const Scene scene;
  const std::string folder = "prediction_dir=" + (scene.root / "sap").string();
  const auto write = [&](const Tensor& map, const Geometry& grid) {
    WriteVolume(scene.root / "sap" / "case_2.nii.gz", Volume(map, grid));
  };
  Tensor map = at::zeros({24, 20, 16});
  Geometry moved = kGrid;
  moved.spacing_mm = {3, 3, 4.5};
  write(map, moved);
  EXPECT_THAT(ErrorOf(scene, {folder}),
              HasSubstr("case_2: the prediction is not on the reference's grid"));
  map[3][3][3] = NAN;
  write(map, kGrid);
  EXPECT_THAT(ErrorOf(scene, {folder}), HasSubstr("case_2"));
  map[3][3][3] = 55;
  write(map, kGrid);
  EXPECT_THAT(ErrorOf(scene, {folder}),
              HasSubstr("case_2: probabilities run from 0 to 55; they must lie in 0 to 1"));
}

TEST(SapEvaluate, NamesTheCaseThatOneMethodLacks) {
  const Scene scene;
  fs::remove(scene.root / "ssl" / "case_4.nii.gz");
  EXPECT_THAT(ErrorOf(scene, {scene.Methods()}),
              HasSubstr("case_4: method ssl has no prediction of it"));
  EXPECT_THAT(ErrorOf(scene, {scene.Methods(), "cases=[case_3,case_4]"}),
              HasSubstr("case_4: has no prediction in prediction_dir"));
}

TEST(SapEvaluate, RefusesACaseThatStandsTwice) {
  const Scene scene;
  const std::string folder = "prediction_dir=" + (scene.root / "sap").string();
  const Outcome named = RunMain(EvaluateMain, scene.Words({folder, "cases=[case_1,case_1]"}));
  EXPECT_EQ(named.code, 2);
  EXPECT_THAT(named.err, HasSubstr("case_1: is named twice"));
  fs::create_directory(scene.root / "sap" / "case_3");
  fs::copy_file(scene.root / "sap" / "case_3.nii.gz",
                scene.root / "sap" / "case_3" / "prediction.nii.gz");
  EXPECT_THAT(ErrorOf(scene, {folder}),
              HasSubstr("case_3: prediction_dir holds it more than once (case_3/prediction.nii.gz, "
                        "case_3.nii.gz)"));
}

TEST(SapEvaluate, OnePatientHasValuesAndNoTestThatClaimsMore) {
  const Scene scene;
  ASSERT_EQ(Evaluate(scene.Words(
                {scene.Methods(), "cases=[case_0]", "figures=false", "sensitivity_analysis=true"})),
            0);
  const auto tests = ParseCsv(ReadFile(scene.root / "out" / "tests.csv"));
  EXPECT_EQ(tests[1][9], "1");  // p of one difference
  const auto rows = ParseCsv(ReadFile(scene.root / "out" / "table1.csv"));
  EXPECT_EQ(rows[1][4], "1");
  EXPECT_EQ(rows[1][6], "0.5");  // ssl finds one lesion of two
  EXPECT_EQ(rows[1][14], "");    // too few for Shapiro-Wilk
}

TEST(SapEvaluate, CountsExamsWithoutLargeLesionsAndConstantSamples) {
  const Scene scene;
  // Nothing reaches 100 mL; every exam of `sap` has the same sensitivity, precision and F2.
  ASSERT_EQ(Evaluate(scene.Words({scene.Methods(), "large_ml=100", "figures=false"})), 0);
  const auto rows = ParseCsv(ReadFile(scene.root / "out" / "table1.csv"));
  for (const auto& row : rows) {
    if (row[1] == "large_sensitivity") {
      EXPECT_EQ(row[4], "0");
      EXPECT_EQ(row[5], "5");  // excluded, and counted
      EXPECT_EQ(row[6], "");
    }
    if (row[1] == "sensitivity" && row[3] == "sap") {
      EXPECT_EQ(row[7], "1");  // an interval without width
      EXPECT_EQ(row[8], "1");
      EXPECT_EQ(row[14], "1");  // Shapiro-Wilk of equal values
    }
  }
}

}  // namespace
}  // namespace sap::cli
