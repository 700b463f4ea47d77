// SPDX-License-Identifier: Apache-2.0
#include "sap/train/optimizer.h"

#include <cmath>
#include <map>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::train {
namespace {

// The fused kernel walks raw memory, so a gradient must be laid out as its parameter is.
Tensor GradientLike(const Tensor& parameter) {
  const Tensor& grad = parameter.grad();
  if (grad.strides() == parameter.strides()) return grad;
  return at::empty_like(parameter).copy_(grad);
}

}  // namespace

Optimizer::Optimizer(std::vector<RateGroup> groups, const OptimizerOptions& options)
    : options_(options), groups_(std::move(groups)) {
  for (const RateGroup& group : groups_) {
    Moments moments;
    for (const auto& [name, parameter] : group.parameters) {
      moments.exp_avg.push_back(at::zeros_like(parameter));
      moments.exp_avg_sq.push_back(at::zeros_like(parameter));
      moments.step.push_back(at::zeros({}, parameter.options().dtype(at::kFloat)));
    }
    moments_.push_back(std::move(moments));
  }
}

void Optimizer::Step(double rate_factor) {
  const at::NoGradGuard no_grad;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    std::vector<Tensor> params, grads, exp_avg, exp_avg_sq, steps;
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const Tensor& parameter = groups_[g].parameters[i].second;
      if (!parameter.grad().defined()) continue;
      params.push_back(parameter.detach());
      grads.push_back(GradientLike(parameter));
      exp_avg.push_back(moments_[g].exp_avg[i]);
      exp_avg_sq.push_back(moments_[g].exp_avg_sq[i]);
      steps.push_back(moments_[g].step[i]);
    }
    if (params.empty()) continue;
    at::_foreach_add_(steps, 1);
    const double lr = groups_[g].base_lr * rate_factor;
    if (options_.kind == OptimizerKind::kAdam) {
      at::_fused_adam_(params,
                       grads,
                       exp_avg,
                       exp_avg_sq,
                       {},
                       steps,
                       lr,
                       options_.beta1,
                       options_.beta2,
                       options_.weight_decay,
                       options_.eps,
                       false,
                       false);
    } else {
      at::_fused_adamw_(params,
                        grads,
                        exp_avg,
                        exp_avg_sq,
                        {},
                        steps,
                        lr,
                        options_.beta1,
                        options_.beta2,
                        options_.weight_decay,
                        options_.eps,
                        false,
                        false);
    }
  }
}

void Optimizer::ZeroGrad() {
  for (RateGroup& group : groups_) {
    for (auto& [name, parameter] : group.parameters) parameter.mutable_grad().reset();
  }
}

double Optimizer::GradNorm() const {
  std::vector<Tensor> grads;
  for (const RateGroup& group : groups_) {
    for (const auto& [name, parameter] : group.parameters) {
      if (parameter.grad().defined()) grads.push_back(parameter.grad());
    }
  }
  if (grads.empty()) return 0.0;
  return at::linalg_vector_norm(at::stack(at::_foreach_norm(grads))).item<double>();
}

void Optimizer::ClipGradNorm(double norm, double max_norm) {
  if (norm <= max_norm) return;
  for (RateGroup& group : groups_) {
    for (auto& [name, parameter] : group.parameters) {
      if (parameter.grad().defined()) parameter.mutable_grad().mul_(max_norm / (norm + 1e-6));
    }
  }
}

std::vector<std::pair<std::string, Tensor>> Optimizer::State() const {
  std::vector<std::pair<std::string, Tensor>> state;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    for (std::size_t i = 0; i < groups_[g].parameters.size(); ++i) {
      const std::string& name = groups_[g].parameters[i].first;
      state.emplace_back("exp_avg." + name, moments_[g].exp_avg[i]);
      state.emplace_back("exp_avg_sq." + name, moments_[g].exp_avg_sq[i]);
      state.emplace_back("step." + name, moments_[g].step[i]);
    }
  }
  return state;
}

void Optimizer::LoadState(const std::vector<std::pair<std::string, Tensor>>& state) {
  const std::map<std::string, Tensor> saved(state.begin(), state.end());
  const at::NoGradGuard no_grad;
  for (auto& [name, target] : State()) {
    const auto found = saved.find(name);
    SAP_REQUIRE(ErrorKind::kInput,
                found != saved.end() && found->second.sizes() == target.sizes(),
                "checkpoint: {} is {}, expected {}; the checkpoint is of another model",
                name,
                found == saved.end() ? "missing" : ShapeString(found->second),
                ShapeString(target));
    target.copy_(found->second);
  }
}

}  // namespace sap::train
