// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/sliding_window.h"

#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::infer {
namespace {

using testing::GoldenFill;
using testing::GoldenTensor;
using testing::TensorNear;

// out0 = 0.5 x0 + ramp, out1 = x1^2 - ramp, where ramp counts voxels inside the window: a result
// that depends on where each window lies.
Tensor RampPredictor(const Tensor& window_BCXYZ) {
  const auto ramp = [&](int64_t dim, double step, std::vector<int64_t> shape) {
    return (at::arange(window_BCXYZ.size(dim), at::kDouble) * step).view(shape);
  };
  const Tensor ramp_XYZ =
      ramp(2, 0.01, {-1, 1, 1}) + ramp(3, 0.001, {1, -1, 1}) + ramp(4, 0.0001, {1, 1, -1});
  const Tensor window = window_BCXYZ.to(at::kDouble);
  return at::stack({0.5 * window.select(1, 0) + ramp_XYZ, window.select(1, 1).square() - ramp_XYZ},
                   1);
}

// The definition, voxel by voxel window sums over whole-volume maps, in double.
Tensor NaiveStitch(const Tensor& image_CXYZ,
                   const Predictor& predict,
                   const SlidingWindowOptions& options) {
  const XyzInt& w = options.window_vox;
  const Tensor weight_XYZ = ImportanceMap(w, options.blend).to(at::kDouble);
  Tensor sums_KXYZ =
      at::zeros({2, image_CXYZ.size(1), image_CXYZ.size(2), image_CXYZ.size(3)}, at::kDouble);
  Tensor count_XYZ = at::zeros_like(sums_KXYZ[0]);
  for (int64_t x : WindowStarts(image_CXYZ.size(1), w.x, options.overlap_frac)) {
    for (int64_t y : WindowStarts(image_CXYZ.size(2), w.y, options.overlap_frac)) {
      for (int64_t z : WindowStarts(image_CXYZ.size(3), w.z, options.overlap_frac)) {
        const auto part = [&](const Tensor& t) {
          const int64_t d = t.dim() - 3;
          return t.narrow(d, x, w.x).narrow(d + 1, y, w.y).narrow(d + 2, z, w.z);
        };
        part(sums_KXYZ).add_(predict(part(image_CXYZ).unsqueeze(0))[0] * weight_XYZ);
        part(count_XYZ).add_(weight_XYZ);
      }
    }
  }
  return (sums_KXYZ / count_XYZ).to(at::kFloat);
}

Tensor BallMask(const XyzInt& size, double radius) {
  const auto axis = [](int64_t n) { return at::arange(n, at::kDouble) - (n - 1) / 2.0; };
  return axis(size.x).view({-1, 1, 1}).square() + axis(size.y).view({1, -1, 1}).square() +
             axis(size.z).view({1, 1, -1}).square() <=
         radius * radius;
}

TEST(WindowStarts, FollowMonaiOnPublishedSizes) {
  EXPECT_EQ(WindowStarts(200, 96, 0.5), (std::vector<int64_t>{0, 48, 96, 104}));
  EXPECT_EQ(WindowStarts(150, 96, 0.5), (std::vector<int64_t>{0, 48, 54}));
  EXPECT_EQ(WindowStarts(97, 96, 0.5), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(WindowStarts(100, 96, 0.25), (std::vector<int64_t>{0, 4}));
  EXPECT_EQ(WindowStarts(96, 96, 0.5), (std::vector<int64_t>{0}));
  EXPECT_EQ(WindowStarts(50, 32, 0.99).size(), 19U);  // the step is never below one voxel
}

TEST(WindowStarts, EqualTheGoldenTables) {
  SAP_REQUIRE_SHARED(path, "golden/sliding_window.json");
  const auto golden = nlohmann::json::parse(std::ifstream(path));
  for (const auto& entry : golden.at("window_starts")) {
    for (std::size_t a = 0; a < 3; ++a) {
      const auto expected = entry.at("starts_per_axis").at(a).get<std::vector<int64_t>>();
      const int64_t window = entry.at("roi").at(a);
      const int64_t size = std::max<int64_t>(window, entry.at("size").at(a));
      EXPECT_EQ(WindowStarts(size, window, entry.at("overlap")), expected) << entry.at("size");
    }
  }
}

TEST(ImportanceMap, HasTheAnchorValuesOf96) {
  const Tensor map_XYZ = ImportanceMap({96, 96, 96}, Blend::kGaussian);
  EXPECT_NEAR(map_XYZ.max().item<double>(), 0.9973992705, 1e-6);
  EXPECT_NEAR(map_XYZ[10][47][47].item<double>(), 0.0075625367, 1e-8);
  EXPECT_EQ((map_XYZ <= 1e-3).sum().item<int64_t>(), 512888);
  EXPECT_NEAR(map_XYZ.sum(at::kDouble).item<double>(), 27642.163, 0.02);
}

TEST(ImportanceMap, EqualsTheGoldenMaps) {
  SAP_REQUIRE_SHARED(path, "golden/sliding_window.safetensors");
  EXPECT_TRUE(TensorNear(ImportanceMap({32, 32, 32}, Blend::kGaussian),
                         GoldenTensor(path, "gaussian_map_32x32x32"),
                         1e-6));
  EXPECT_TRUE(TensorNear(ImportanceMap({8, 11, 6}, Blend::kGaussian),
                         GoldenTensor(path, "gaussian_map_8x11x6"),
                         1e-6));
}

TEST(StitchWindows, EqualsTheGoldenArrays) {
  SAP_REQUIRE_SHARED(path, "golden/sliding_window.json");
  const auto golden = nlohmann::json::parse(std::ifstream(path));
  const auto tensors = path.parent_path() / "sliding_window.safetensors";
  int compared = 0;
  for (const auto& [name, entry] : golden.at("cases").items()) {
    const auto roi = entry.at("roi").get<std::vector<int64_t>>();
    const SlidingWindowOptions options{
        .window_vox = {roi[0], roi[1], roi[2]},
        .overlap_frac = entry.at("overlap"),
        .windows_per_batch = entry.at("sw_batch_size"),
        .blend = entry.at("mode") == "gaussian" ? Blend::kGaussian : Blend::kConstant};
    const Tensor images_BCXYZ =
        GoldenFill(entry.at("input_k"), entry.at("shape").get<std::vector<int64_t>>());
    std::vector<Tensor> results;
    for (int64_t b = 0; b < images_BCXYZ.size(0); ++b) {
      results.push_back(StitchWindows(images_BCXYZ[b], RampPredictor, options));
    }
    Tensor result_BKXYZ = at::stack(results);
    const std::string tensor = entry.at("tensor");
    if (tensor.ends_with("_stride2")) {
      for (int64_t d = 2; d < 5; ++d) {
        result_BKXYZ = result_BKXYZ.slice(d, 0, result_BKXYZ.size(d), 2);
      }
    }
    EXPECT_TRUE(TensorNear(result_BKXYZ, GoldenTensor(tensors, tensor), 2e-6)) << name;
    ++compared;
  }
  EXPECT_EQ(compared, 10);
}

TEST(StitchWindows, IdentityPredictorReturnsTheImage) {
  const Tensor image_CXYZ = GoldenFill(7, {2, 40, 48, 21});
  const auto identity = [](const Tensor& window_BCXYZ) { return window_BCXYZ; };
  for (const Blend blend : {Blend::kConstant, Blend::kGaussian}) {
    EXPECT_TRUE(TensorNear(
        StitchWindows(image_CXYZ, identity, {.window_vox = {32, 32, 32}, .blend = blend}),
        image_CXYZ,
        1e-6));
  }
}

TEST(StitchWindows, EqualsWholeVolumeSums) {
  const Tensor image_CXYZ = GoldenFill(11, {2, 50, 37, 41});
  for (const Blend blend : {Blend::kConstant, Blend::kGaussian}) {
    const SlidingWindowOptions options{
        .window_vox = {32, 32, 32}, .overlap_frac = 0.6, .windows_per_batch = 3, .blend = blend};
    EXPECT_TRUE(TensorNear(StitchWindows(image_CXYZ, RampPredictor, options),
                           NaiveStitch(image_CXYZ, RampPredictor, options),
                           2e-6));
  }
}

TEST(StitchSlabs, AnyAxisGivesTheSameLogits) {
  const Tensor image_CXYZ = GoldenFill(12, {2, 50, 25, 67});
  const SlidingWindowOptions options{.window_vox = {32, 32, 32}, .blend = Blend::kGaussian};
  const Tensor whole_KXYZ = StitchWindows(image_CXYZ, RampPredictor, options);
  for (int axis = 0; axis < 3; ++axis) {
    Tensor joined_KXYZ = at::full_like(whole_KXYZ, NAN);
    int64_t next_vox = 0;
    StitchSlabs(
        image_CXYZ,
        RampPredictor,
        options,
        {},
        axis,
        [&](int64_t begin_vox, const Tensor& logits_KXYZ) {
          EXPECT_EQ(begin_vox, next_vox);
          EXPECT_LE(logits_KXYZ.size(1 + axis), 32);
          next_vox = begin_vox + logits_KXYZ.size(1 + axis);
          joined_KXYZ.narrow(1 + axis, begin_vox, logits_KXYZ.size(1 + axis)).copy_(logits_KXYZ);
        });
    EXPECT_TRUE(TensorNear(joined_KXYZ, whole_KXYZ, 2e-6)) << axis;
  }
}

TEST(StitchWindows, SkippingWindowsWithoutBodyIsExactInsideTheBody) {
  const Tensor image_CXYZ = GoldenFill(13, {2, 100, 40, 64});
  const Tensor mask_XYZ = BallMask({100, 40, 64}, 12);
  const SlidingWindowOptions options{.window_vox = {32, 32, 32}};
  const Tensor all_KXYZ = StitchWindows(image_CXYZ, RampPredictor, options);
  const Tensor masked_KXYZ = StitchWindows(image_CXYZ, RampPredictor, options, mask_XYZ);
  EXPECT_TRUE(at::equal(masked_KXYZ.masked_select(mask_XYZ), all_KXYZ.masked_select(mask_XYZ)));
  const Tensor outside = mask_XYZ.logical_not();
  EXPECT_TRUE((masked_KXYZ[0].masked_select(outside) == 0).all().item<bool>());
  EXPECT_TRUE((masked_KXYZ[1].masked_select(outside) == kBackgroundLogit).all().item<bool>());
  EXPECT_EQ(masked_KXYZ.softmax(0)[1].masked_select(outside).max().item<float>(), 0.0F);
  const WindowNumbers numbers = CountWindows({100, 40, 64}, options, mask_XYZ);
  EXPECT_EQ(numbers.all, 6 * 2 * 3);
  EXPECT_LT(numbers.evaluated, numbers.all);
}

TEST(StitchWindows, EvaluatesOnlyTheWindowsThatItCounts) {
  const Tensor image_CXYZ = GoldenFill(14, {2, 96, 32, 32});
  Tensor mask_XYZ = at::zeros({96, 32, 32}, at::kBool);
  mask_XYZ[5][3][3] = true;
  int64_t windows = 0;
  const auto counting = [&](const Tensor& window_BCXYZ) {
    windows += window_BCXYZ.size(0);
    return RampPredictor(window_BCXYZ);
  };
  StitchWindows(image_CXYZ, counting, {.window_vox = {32, 32, 32}}, mask_XYZ);
  EXPECT_EQ(windows, 1);
}

TEST(StitchWindows, AnEmptyMaskGivesBackgroundEverywhere) {
  const Tensor logits_KXYZ = StitchWindows(GoldenFill(15, {2, 40, 32, 32}),
                                           RampPredictor,
                                           {.window_vox = {32, 32, 32}},
                                           at::zeros({40, 32, 32}, at::kBool));
  EXPECT_EQ(logits_KXYZ.argmax(0).max().item<int64_t>(), 0);
}

TEST(StitchWindows, RefusesAnAnswerOfAnotherSize) {
  const auto half = [](const Tensor& w) { return w.slice(4, 0, 16); };
  EXPECT_THROW(StitchWindows(GoldenFill(16, {2, 32, 32, 32}), half, {.window_vox = {32, 32, 32}}),
               Error);
}

}  // namespace
}  // namespace sap::infer
