// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "network_builders.h"
#include "support/golden.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"
#include "support/tensor_near.h"

namespace sap::nn {
namespace {

using testing::ExpectSummary;
using testing::FillTensor;
using testing::GoldenFile;
using testing::ReadGoldenJson;

constexpr double kDoubleTolerance = 1e-9;
constexpr double kFloatTolerance = 2e-5;

SwinUnetrOptions OptionsOf(const nlohmann::json& config) {
  SwinUnetrOptions options;
  const std::string order = config.at("patch_merging");
  options.patch_merging = order == "fixed" ? PatchMerging::kFixed
                          : order == "v2"  ? PatchMerging::kV2
                                           : PatchMerging::kLegacy;
  options.use_v2 = config.at("use_v2");
  options.feature_size = config.at("feature_size");
  options.in_channels = config.at("in_channels");
  options.out_channels = config.at("out_channels");
  return options;
}

Tensor InputOf(const nlohmann::json& config, at::ScalarType dtype) {
  const auto& input = config.at("input");
  return FillTensor(input.at("fill_k"), input.at("shape").get<std::vector<int64_t>>()).to(dtype);
}

// Forward and backward of sum(logits * v(1001)), the loss of every Swin UNETR file.
struct PassResult {
  Tensor image;
  Tensor logits;
  Tensor loss;
};
PassResult ForwardBackward(SwinUnetr& network, const nlohmann::json& golden, at::ScalarType dtype) {
  PassResult run;
  run.image = InputOf(golden.at("config"), dtype).requires_grad_();
  run.logits = network->forward(run.image);
  const Tensor weight = FillTensor(golden.at("loss_weight_fill_k"), run.logits.sizes()).to(dtype);
  run.loss = (run.logits * weight).sum();
  run.loss.backward();
  return run;
}

class SwinUnetrGolden : public ::testing::TestWithParam<const char*> {
 protected:
  nlohmann::json golden_ = ReadGoldenJson(GoldenFile(GetParam()));
};

TEST_P(SwinUnetrGolden, DoubleMatchesHiddenAndLogits) {
  const at::NoGradGuard no_grad;
  SwinUnetr network = MakeFilledNetwork(OptionsOf(golden_.at("config")), at::kDouble);
  const Tensor image = InputOf(golden_.at("config"), at::kDouble);
  const Hidden hidden = network->EncodeHidden(image);
  for (std::size_t k = 0; k < hidden.size(); ++k) {
    const std::string name = "h" + std::to_string(k);
    ExpectSummary(hidden[k], golden_.at("hidden").at(name), kDoubleTolerance, name);
  }
  ExpectSummary(network->forward(image), golden_.at("logits"), kDoubleTolerance, "logits");
}

// Three files cover every layer, mixed windows and the convolutions of use_v2; the others repeat
// them at greater cost.
TEST_P(SwinUnetrGolden, DoubleMatchesEveryGradient) {
  const std::string file = GetParam();
  const bool is_quick = file == "swin_unetr_legacy_fs12.json" ||
                        file == "swin_unetr_noncubic_fs12.json" ||
                        file == "swin_unetr_use_v2_fs12.json";
  if (!is_quick && !testing::RunSlowTests()) GTEST_SKIP() << "set SAP_SLOW_TESTS=1 to run it";
  SwinUnetr network = MakeFilledNetwork(OptionsOf(golden_.at("config")), at::kDouble);
  const PassResult run = ForwardBackward(network, golden_, at::kDouble);
  testing::ExpectNumber(run.loss.item<double>(), golden_.at("loss"), 1e-9, 0.0, "loss");
  ExpectSummary(run.image.grad(), golden_.at("input_grad"), 1e-8, "input_grad");
  const auto& grads = golden_.at("grads");
  const auto parameters = network->named_parameters();
  ASSERT_EQ(parameters.size(), grads.size());
  for (const auto& item : parameters) {
    ASSERT_TRUE(grads.contains(item.key())) << item.key();
    ExpectSummary(item.value().grad(), grads.at(item.key()), 1e-7, item.key());
  }
}

TEST_P(SwinUnetrGolden, FloatMatchesLogits) {
  const at::NoGradGuard no_grad;
  SwinUnetr network = MakeFilledNetwork(OptionsOf(golden_.at("config")), at::kFloat);
  const Tensor logits = network->forward(InputOf(golden_.at("config"), at::kFloat));
  ExpectSummary(logits, golden_.at("logits"), kFloatTolerance, "logits");
}

INSTANTIATE_TEST_SUITE_P(Files,
                         SwinUnetrGolden,
                         ::testing::Values("swin_unetr_legacy_fs12.json",
                                           "swin_unetr_fixed_fs12.json",
                                           "swin_unetr_mergingv2_fs12.json",
                                           "swin_unetr_use_v2_fs12.json",
                                           "swin_unetr_in1_out10_fs12.json",
                                           "swin_unetr_noncubic_fs12.json",
                                           "swin_unetr_legacy96_fs12.json"));

// What each part returns, fed with what the part before returned.
void ExpectActivations(const SwinUnetr& network,
                       const Tensor& image,
                       const nlohmann::json& expected) {
  const auto check = [&expected](const Tensor& tensor, const std::string& name) {
    ExpectSummary(tensor, expected.at(name), kDoubleTolerance, name);
  };
  Tensor x = Submodule<PatchEmbedImpl>(network, "swinViT.patch_embed")->forward(image);
  check(x, "patch_embed");
  std::array<Tensor, 5> hidden;
  x = x.permute({0, 2, 3, 4, 1}).contiguous();
  const auto normalised = [&x] { return at::layer_norm(x, {x.size(4)}).permute({0, 4, 1, 2, 3}); };
  hidden[0] = normalised();
  for (int s = 1; s <= 4; ++s) {
    const std::string layer = "layers" + std::to_string(s);
    const std::string module = "swinViT." + layer + ".0.";
    x = Submodule<SwinBlockImpl>(network, module + "blocks.0")->forward(x);
    check(x, layer + ".block0");
    x = Submodule<SwinBlockImpl>(network, module + "blocks.1")->forward(x);
    check(x, layer + ".block1");
    x = Submodule<PatchMergeImpl>(network, module + "downsample")->forward(x);
    check(x, layer + ".downsample");
    check(x.permute({0, 4, 1, 2, 3}), "x" + std::to_string(s));
    hidden[static_cast<std::size_t>(s)] = normalised();
  }
  const auto encode = [&](const std::string& name, const Tensor& in, const std::string& out) {
    const Tensor result = Submodule<UnetrBasicBlockImpl>(network, name)->forward(in);
    check(result, name + "." + out);
    return result;
  };
  const Tensor enc0 = encode("encoder1", image, "enc0");
  const Tensor enc1 = encode("encoder2", hidden[0], "enc1");
  const Tensor enc2 = encode("encoder3", hidden[1], "enc2");
  const Tensor enc3 = encode("encoder4", hidden[2], "enc3");
  Tensor up = encode("encoder10", hidden[4], "dec4");
  const std::array<std::pair<std::string, Tensor>, 5> skips = {{{"decoder5.dec3", hidden[3]},
                                                                {"decoder4.dec2", enc3},
                                                                {"decoder3.dec1", enc2},
                                                                {"decoder2.dec0", enc1},
                                                                {"decoder1.out", enc0}}};
  for (const auto& [name, skip] : skips) {
    const std::string module = name.substr(0, name.find('.'));
    up = Submodule<UnetrUpBlockImpl>(network, module)->forward(up, skip);
    check(up, name);
  }
}

TEST(SwinUnetr, EveryPartMatchesMonaiInDouble) {
  const at::NoGradGuard no_grad;
  for (const char* file : {"swin_unetr_legacy_fs12.json", "swin_unetr_legacy96_fs12.json"}) {
    const auto golden = ReadGoldenJson(GoldenFile(file));
    SwinUnetr network = MakeFilledNetwork(OptionsOf(golden.at("config")), at::kDouble);
    ExpectActivations(network, InputOf(golden.at("config"), at::kDouble), golden.at("activations"));
  }
}

// LeakyReLU kinks limit float32 gradients: these two files have none in MONAI's own run, but
// another order of summation may flip a sign, hence the wider second bound.
TEST(SwinUnetr, FloatGradientsMatchWhereNoKinkIsNear) {
  for (const char* file : {"swin_unetr_legacy_fs12.json", "swin_unetr_fixed_fs12.json"}) {
    const auto golden = ReadGoldenJson(GoldenFile(file));
    SwinUnetr network = MakeFilledNetwork(OptionsOf(golden.at("config")), at::kFloat);
    ForwardBackward(network, golden, at::kFloat);
    int64_t num_wider = 0;
    for (const auto& item : network->named_parameters()) {
      const double expected = golden.at("grads").at(item.key()).at("l2");
      const double actual = item.value().grad().to(at::kDouble).norm().item<double>();
      const double relative = std::abs(actual - expected) / expected;
      EXPECT_LT(relative, 2e-2) << file << " " << item.key();
      num_wider += relative > 1e-4 ? 1 : 0;
    }
    RecordProperty(std::string("beyond_1e-4 ") + file, static_cast<int>(num_wider));
  }
}

TEST(SwinUnetr, WholeTensorsMatchMonai) {
  SAP_REQUIRE_SHARED(path, "golden/swin_unetr_legacy_fs12.safetensors");
  const at::NoGradGuard no_grad;
  for (const at::ScalarType dtype : {at::kDouble, at::kFloat}) {
    const double tolerance = dtype == at::kDouble ? 1e-6 : kFloatTolerance;
    SwinUnetr network = MakeFilledNetwork(SmallOptions(), dtype);
    const Tensor image = FillTensor(1000, {1, 2, 64, 64, 64}).to(dtype);
    const auto expected = [&path](const char* name) { return testing::GoldenTensor(path, name); };
    EXPECT_TRUE(testing::TensorNear(network->forward(image), expected("logits"), tolerance));
    const Hidden hidden = network->EncodeHidden(image);
    const Tensor h0 = hidden[0].slice(2, 0, {}, 2).slice(3, 0, {}, 2).slice(4, 0, {}, 2);
    EXPECT_TRUE(testing::TensorNear(h0, expected("h0_stride2"), tolerance));
    EXPECT_TRUE(testing::TensorNear(hidden[1], expected("h1"), tolerance));
    EXPECT_TRUE(testing::TensorNear(hidden[2], expected("h2"), tolerance));
    EXPECT_TRUE(testing::TensorNear(hidden[3], expected("h3"), tolerance));
    EXPECT_TRUE(testing::TensorNear(hidden[4], expected("h4"), tolerance));
  }
}

}  // namespace
}  // namespace sap::nn
