// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/predictor.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "sap/image/orient.h"
#include "sap/image/volume_io.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::infer {
namespace {

namespace fs = std::filesystem;
using sap::testing::FreshFolder;
using sap::testing::TensorNear;
using ::testing::HasSubstr;

// A bright bar in dark air, so that the rough body mask has something to find.
Tensor Bar(const XyzInt& size) {
  Tensor image = sap::testing::GoldenFill(5, {size.x, size.y, size.z}) * 0.01 + 0.02;
  image.narrow(0, size.x / 4, size.x / 2).narrow(1, size.y / 4, size.y / 2) += 1.0;
  return image;
}

CaseFiles WriteCase(const fs::path& folder, const Geometry& grid) {
  CaseFiles files{.id = folder.filename().string()};
  fs::create_directories(folder);
  for (const char* name : {"T1.nii.gz", "b1000.nii.gz"}) {
    files.images.push_back(folder / name);
    WriteVolume(files.images.back(), {Bar(grid.size_vox), grid});
  }
  return files;
}

// Foreground where the first channel is bright.
Tensor Bright(const Tensor& window_BCXYZ) {
  const Tensor x = window_BCXYZ.select(1, 0);
  return at::stack({at::zeros_like(x), 20.0 * (x - 0.5)}, 1);
}

CaseOptions SmallWindows() {
  CaseOptions options;
  options.windows.window_vox = {32, 32, 32};
  return options;
}

std::string MessageOf(const std::function<void()>& act) {
  try {
    act();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(FindCases, ListsEveryFaultOfEveryCase) {
  const fs::path root = FreshFolder();
  WriteCase(root / "a", {.size_vox = {8, 8, 8}});
  fs::remove(WriteCase(root / "b", {.size_vox = {8, 8, 8}}).images[1]);
  fs::create_directories(root / "not_a_case");
  const std::string message = MessageOf([&] { FindCases(root, {"T1", "b1000"}, {"a", "b", "c"}); });
  EXPECT_THAT(message, HasSubstr("b: b1000 is missing"));
  EXPECT_THAT(message, HasSubstr("c: no such case folder"));
  EXPECT_EQ(FindCases(root, {"T1"}, {}).size(), 2U);
  EXPECT_EQ(FindCases(root, {"T1.nii.gz", "b1000.nii.gz"}, {"a"})[0].id, "a");
}

TEST(FindCases, AbsentModalitiesNeedNoFileAndAreNotRead) {
  const fs::path root = FreshFolder();
  const Geometry grid{.size_vox = {8, 8, 8}};
  fs::remove(WriteCase(root / "a", grid).images[0]);
  WriteCase(root / "b", grid);
  const std::vector<CaseFiles> cases = FindCases(root, {"T1", "b1000"}, {}, {"T1"});
  ASSERT_EQ(cases.size(), 2U);
  for (const CaseFiles& files : cases) {
    ASSERT_EQ(files.images.size(), 1U);
    EXPECT_EQ(files.images[0].filename(), "b1000.nii.gz");
    EXPECT_EQ(files.absent_channels, std::vector<int64_t>{0});
  }
  EXPECT_THAT(MessageOf([&] {
                FindCases(root, {"T1", "b1000"}, {}, {"b1000"});
              }),
              HasSubstr("a: T1 is missing"));
}

TEST(FindCases, RefusesAbsentNamesThatLeaveNoImageOrAreNoModality) {
  const fs::path root = FreshFolder();
  const auto refusal = [&](const std::vector<std::string>& absent) {
    try {
      FindCases(root, {"T1", "b1000"}, {}, absent);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kOption);
      return std::string(error.what());
    }
    return std::string();
  };
  for (const std::string& message : {refusal({"T1", "b1000"}), refusal({"b1000", "ADC", "T2"})}) {
    EXPECT_THAT(message, HasSubstr("the model's modalities are T1, b1000"));
  }
  EXPECT_THAT(refusal({"T1", "b1000"}), HasSubstr("absent: [T1, b1000] leaves no image"));
  EXPECT_THAT(refusal({"b1000", "ADC", "T2"}), HasSubstr("has ADC, T2, no modality"));
}

TEST(ReadCase, AbsentChannelsAreBackgroundAndTheOthersStay) {
  const fs::path root = FreshFolder();
  const Geometry grid{.size_vox = {60, 48, 40}, .spacing_mm = {3, 3, 3}};
  const std::vector<std::string> modalities = {"T1", "T2", "b1000", "ADC"};
  fs::create_directories(root / "a");
  for (std::size_t m = 0; m < modalities.size(); ++m) {  // unlike each other, so that a swap shows
    const Tensor image_XYZ = Bar(grid.size_vox).pow(1.0 + static_cast<double>(m));
    WriteVolume(root / "a" / (modalities[m] + ".nii.gz"), {image_XYZ, grid});
  }
  const Tensor all_CXYZ = ReadCase(FindCases(root, modalities, {})[0], {}, {}).image_CXYZ;
  const std::vector<std::vector<std::string>> patterns = {
      {"T1"}, {"ADC"}, {"T1", "T2"}, {"b1000", "T1"}, {"T1", "T2", "b1000"}};
  for (const auto& absent : patterns) {
    const CaseImage image = ReadCase(FindCases(root, modalities, {}, absent)[0], {}, {});
    for (std::size_t m = 0; m < modalities.size(); ++m) {
      const auto c = static_cast<int64_t>(m);
      const bool lost = std::find(absent.begin(), absent.end(), modalities[m]) != absent.end();
      EXPECT_TRUE(at::equal(image.image_CXYZ[c], lost ? all_CXYZ[c] * 0 : all_CXYZ[c]))
          << modalities[m];
    }
  }
}

TEST(ReadCase, FindsTheBodyInTheChannelsThatAreThere) {
  const fs::path root = FreshFolder();
  const Geometry grid{.size_vox = {80, 80, 40}, .spacing_mm = {3, 3, 3}};
  WriteCase(root / "a", grid);
  const Tensor both_XYZ = ReadCase(FindCases(root, {"T1", "b1000"}, {})[0], {}, {}).body_mask_XYZ;
  ASSERT_FALSE(both_XYZ.all().item<bool>());
  for (const char* absent : {"T1", "b1000"}) {
    const CaseFiles files = FindCases(root, {"T1", "b1000"}, {}, {absent})[0];
    EXPECT_TRUE(at::equal(ReadCase(files, {}, {}).body_mask_XYZ, both_XYZ)) << absent;
  }
}

TEST(ReadCase, RefusesChannelsOnDifferentGrids) {
  const fs::path root = FreshFolder();
  const CaseFiles files = WriteCase(root / "case_9", {.size_vox = {8, 8, 8}});
  const Geometry moved{.size_vox = {8, 8, 8}, .origin_mm = {0, 0, 5}};
  WriteVolume(files.images[1], {at::ones({8, 8, 8}), moved});
  EXPECT_THAT(MessageOf([&] { ReadCase(files, {}, {}); }),
              HasSubstr("case_9: b1000.nii.gz is not on the grid of T1.nii.gz"));
}

TEST(ReadCase, RefusesAnEmptyBodyMask) {
  const fs::path root = FreshFolder();
  CaseFiles files = WriteCase(root / "case_9", {.size_vox = {8, 8, 8}});
  files.body = root / "case_9" / "body.nii.gz";
  WriteVolume(*files.body, {at::zeros({8, 8, 8}, at::kByte), {.size_vox = {8, 8, 8}}});
  EXPECT_THAT(MessageOf([&] { ReadCase(files, {}, {}); }), HasSubstr("no body voxel"));
}

TEST(ReadCase, ClipsIntensitiesUnlessTold) {
  const CaseFiles files = WriteCase(FreshFolder() / "a", {.size_vox = {40, 32, 32}});
  EXPECT_LE(ReadCase(files, {}, {}).image_CXYZ.max().item<float>(), 1.0F);
  CaseOptions options;
  options.clip = false;
  EXPECT_GT(ReadCase(files, {}, options).image_CXYZ.max().item<float>(), 1.0F);
}

TEST(PredictCase, AnswersOnTheFilesOwnGridAndOrientation) {
  const Geometry ras{.size_vox = {40, 36, 50},
                     .spacing_mm = {2, 2, 3},
                     .origin_mm = {10, -20, 30},
                     .direction = {{{-1, 0, 0}, {0, -1, 0}, {0, 0, 1}}}};
  const CaseFiles files = WriteCase(FreshFolder() / "a", ras);
  const CaseImage image = ReadCase(files, {}, SmallWindows());
  EXPECT_EQ(image.model_grid.OrientationCode(), "LPS");
  const CasePrediction prediction = PredictCase(
      image, 1, [](std::size_t) { return Bright; }, SmallWindows());
  EXPECT_TRUE(prediction.labels.geometry().SameGridAs(ras));
  EXPECT_TRUE(at::equal(prediction.labels.data() > 0, Bar(ras.size_vox) > 0.5));
  EXPECT_TRUE(at::equal(prediction.probability.data() > 0.5, Bar(ras.size_vox) > 0.5));
}

TEST(PredictCase, ComesBackFromTheModelsSpacing) {
  const Geometry grid{.size_vox = {40, 40, 40}, .spacing_mm = {2, 2, 2}};
  const CaseFiles files = WriteCase(FreshFolder() / "a", grid);
  const ModelGrid model{.spacing_mm = XyzDouble{1.6, 2, 2.5}};
  for (const bool exact : {true, false}) {
    CaseOptions options = SmallWindows();
    options.exact = exact;
    const CaseImage image = ReadCase(files, model, options);
    EXPECT_EQ(image.model_grid.size_vox.x, 50);
    const CasePrediction prediction = PredictCase(
        image, 1, [](std::size_t) { return Bright; }, options);
    EXPECT_TRUE(prediction.labels.geometry().SameGridAs(grid));
    const Tensor expected = Bar(grid.size_vox) > 0.5;
    const Tensor wrong = (prediction.labels.data() > 0) != expected;
    // Two interpolations may move an edge by a voxel, no more.
    EXPECT_LT(wrong.sum().item<int64_t>(), expected.sum().item<int64_t>() / 10);
    EXPECT_LE(prediction.probability.data().max().item<float>(), 1.0F);
  }
}

TEST(PredictCase, SkippingAirChangesNothingInsideTheBody) {
  const CaseFiles files = WriteCase(FreshFolder() / "a", {.size_vox = {200, 200, 40}});
  CaseOptions options = SmallWindows();
  const CaseImage skipping = ReadCase(files, {}, options);
  options.exact = true;
  const CaseImage all = ReadCase(files, {}, options);
  const auto model = [](std::size_t) { return Bright; };
  const CasePrediction fast = PredictCase(skipping, 1, model, options);
  const CasePrediction exact = PredictCase(all, 1, model, options);
  EXPECT_LT(fast.windows.evaluated, fast.windows.all);
  EXPECT_EQ(exact.windows.evaluated, exact.windows.all);
  EXPECT_TRUE(at::equal(fast.labels.data(), exact.labels.data() * skipping.body_mask_XYZ));
}

TEST(PredictCase, AsksForOneModelAtATime) {
  const CaseFiles files = WriteCase(FreshFolder() / "a", {.size_vox = {32, 32, 33}});
  std::vector<std::size_t> asked;
  const auto model = [&](std::size_t m) {
    asked.push_back(m);
    return Predictor(Bright);
  };
  PredictCase(ReadCase(files, {}, SmallWindows()), 3, model, SmallWindows());
  EXPECT_EQ(asked, (std::vector<std::size_t>{0, 1, 2}));
}

TEST(RoughBodyMask, KeepsTheBodyWithAMarginAndLeavesAirOut) {
  Tensor image_CXYZ = at::zeros({1, 60, 60, 60});
  image_CXYZ[0].narrow(0, 20, 20).narrow(1, 20, 20).narrow(2, 20, 20).fill_(0.5);
  image_CXYZ[0].narrow(0, 28, 4).narrow(1, 28, 4).narrow(2, 28, 4).fill_(0.0);  // marrow void
  image_CXYZ[0][2][2][2] = 1.0;                                                 // a spike in air
  const Tensor mask_XYZ = RoughBodyMask(image_CXYZ, {2, 2, 2});
  EXPECT_TRUE(mask_XYZ[30][30][30].item<bool>());
  EXPECT_TRUE(mask_XYZ[15][30][30].item<bool>());  // 10 mm
  EXPECT_FALSE(mask_XYZ[14][30][30].item<bool>());
  EXPECT_FALSE(mask_XYZ[2][2][2].item<bool>());
}

}  // namespace
}  // namespace sap::infer
