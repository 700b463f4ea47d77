// SPDX-License-Identifier: Apache-2.0
#include <numbers>

#include <gtest/gtest.h>
#include <torch/optim/adam.h>

#include "network_builders.h"
#include "sap/nn/losses.h"
#include "sap/nn/param_groups.h"
#include "support/golden.h"

namespace sap::nn {
namespace {

using testing::FillTensor;

// Linear warm-up, then cosine, per epoch (swin_unetr §2.2); epoch 0 trains at rate 0.
double LearningRate(double base, int64_t epoch, int64_t warmup, int64_t total) {
  const auto e = static_cast<double>(epoch);
  const auto w = static_cast<double>(warmup);
  if (epoch < warmup) return base * e / (w - 1.0);
  const double progress = (e - w) / (static_cast<double>(total) - w);
  return base * 0.5 * (1.0 + std::cos(std::numbers::pi * progress));
}

double GradNorm(const std::vector<ParamGroup>& groups) {
  double squares = 0.0;
  for (const ParamGroup& group : groups) {
    for (const Tensor& p : group.parameters) {
      squares += p.grad().to(at::kDouble).square().sum().item<double>();
    }
  }
  return std::sqrt(squares);
}

struct Tolerances {
  double loss;       // absolute
  double grad_norm;  // relative
  double l2;         // relative
  double element;    // absolute; 0 = elements are not compared
};

// Adam steps on one batch against MONAI and PyTorch: all ten, or `quick_steps` of them unless
// SAP_SLOW_TESTS is set.
void CheckRun(const std::string& run_name,
              at::ScalarType dtype,
              const Tolerances& tolerances,
              std::size_t quick_steps) {
  const auto golden = testing::ReadGoldenJson(testing::GoldenFile("train_trajectory.json"));
  const auto& run = golden.at("runs").at(run_name);
  const auto& config = run.at("config");
  const auto& expected = run.at("float64");
  SwinUnetr network = MakeFilledNetwork(SmallOptions(), dtype);
  network->train();
  const int64_t batch = config.at("batch");
  const Tensor image = FillTensor(1000, {batch, 2, 64, 64, 64}).to(dtype);
  const Tensor label = FillTensor(1002, {batch, 1, 64, 64, 64}).gt(0.3).to(at::kLong);

  const auto groups = EncoderDecoderGroups(*network);
  std::vector<torch::optim::OptimizerParamGroup> torch_groups;
  for (const ParamGroup& group : groups) {
    torch_groups.emplace_back(group.parameters, std::make_unique<torch::optim::AdamOptions>());
  }
  torch::optim::Adam adam(torch_groups, torch::optim::AdamOptions().weight_decay(1e-5));
  const auto& schedule = config.at("schedule");
  const std::size_t all_steps = config.at("steps");
  const std::size_t num_steps = testing::RunSlowTests() ? all_steps : quick_steps;
  for (std::size_t step = 0; step < num_steps; ++step) {
    for (std::size_t g = 0; g < 2; ++g) {
      auto& options = static_cast<torch::optim::AdamOptions&>(adam.param_groups()[g].options());
      options.weight_decay(1e-5).lr(LearningRate(config.at("base_lr").at(g),
                                                 static_cast<int64_t>(step),
                                                 schedule.at("warmup"),
                                                 schedule.at("total")));
    }
    adam.zero_grad();
    const DiceCe loss = DiceCeLoss(network->forward(image), label, {});
    loss.total.backward();
    EXPECT_NEAR(
        loss.total.item<double>(), expected.at("loss").at(step).get<double>(), tolerances.loss)
        << "step " << step;
    const double norm = expected.at("grad_norm").at(step);
    EXPECT_NEAR(GradNorm(groups), norm, tolerances.grad_norm * norm) << "step " << step;
    adam.step();
  }
  if (num_steps < all_steps) return;  // what follows is the state after the last step
  {
    const at::NoGradGuard no_grad;
    const DiceCe after = DiceCeLoss(network->forward(image), label, {});
    EXPECT_NEAR(
        after.total.item<double>(), expected.at("loss_after").get<double>(), tolerances.loss);
  }
  const auto parameters = network->named_parameters();
  for (const auto& [name, summary] : expected.at("params_after").items()) {
    const Tensor flat = parameters[name].detach().to(at::kDouble).contiguous().flatten();
    const double l2 = summary.at("l2");
    EXPECT_NEAR(flat.norm().item<double>(), l2, tolerances.l2 * l2) << name;
    if (tolerances.element > 0.0) testing::ExpectSummary(flat, summary, tolerances.element, name);
  }
}

constexpr Tolerances kDouble = {1e-9, 1e-7, 1e-7, 1e-7};
constexpr Tolerances kFloat = {2e-5, 2e-3, 1e-4, 0.0};

TEST(TrainTrajectory, PaperScheduleInDoubleFollowsMonai) {
  CheckRun("paper_schedule", at::kDouble, kDouble, 3);
}
TEST(TrainTrajectory, ShortScheduleInDoubleFollowsMonai) {
  CheckRun("short_schedule", at::kDouble, kDouble, 5);
}
TEST(TrainTrajectory, PaperScheduleInFloatFollowsMonai) {
  CheckRun("paper_schedule", at::kFloat, kFloat, 3);
}
TEST(TrainTrajectory, ShortScheduleInFloatFollowsMonai) {
  CheckRun("short_schedule", at::kFloat, kFloat, 10);
}

}  // namespace
}  // namespace sap::nn
