// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"

namespace sap::train {

enum class OptimizerKind { kAdam, kAdamW };

struct OptimizerOptions {
  OptimizerKind kind = OptimizerKind::kAdam;
  double weight_decay = 1e-5;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-8;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("optimizer", kind).Help("adam adds weight decay to the gradient; adamw decouples it");
    v.Field("weight_decay", weight_decay).Help("L2 weight (adam), decay (adamw)").AtLeast(0);
    v.Alias("reg_weight", "weight_decay");
    v.Field("beta1", beta1).Help("decay of the first moment").Range(0, 0.999999);
    v.Field("beta2", beta2).Help("decay of the second moment").Range(0, 0.9999999);
    v.Field("eps", eps).Help("added to the denominator").Range(1e-16, 1);
  }
};

// Parameters that share a base rate, e.g. the encoder (swin_unetr §5).
struct RateGroup {
  std::string name;
  double base_lr = 1e-5;
  std::vector<std::pair<std::string, Tensor>> parameters;  // name, leaf
};

// Adam with L2 or AdamW (swin_unetr §2.3), one fused call per group. A parameter whose gradient
// is undefined is left as it is, moments and step count included.
class Optimizer {
 public:
  Optimizer(std::vector<RateGroup> groups, const OptimizerOptions& options);

  // One update with base_lr * rate_factor for each group.
  void Step(double rate_factor);
  void ZeroGrad();
  // L2 norm over all gradients, float32. Not finite when any gradient is not.
  double GradNorm() const;
  // Scales all gradients so that their norm is at most max_norm.
  void ClipGradNorm(double norm, double max_norm);

  const std::vector<RateGroup>& groups() const { return groups_; }

  // exp_avg.<name>, exp_avg_sq.<name>, step.<name>: everything a bitwise resume needs.
  std::vector<std::pair<std::string, Tensor>> State() const;
  // Throws kInput when a tensor is missing or has another shape.
  void LoadState(const std::vector<std::pair<std::string, Tensor>>& state);

 private:
  struct Moments {
    std::vector<Tensor> exp_avg;
    std::vector<Tensor> exp_avg_sq;
    std::vector<Tensor> step;
  };

  OptimizerOptions options_;
  std::vector<RateGroup> groups_;
  std::vector<Moments> moments_;
};

}  // namespace sap::train

template <>
struct sap::EnumNames<sap::train::OptimizerKind> {
  static constexpr std::pair<sap::train::OptimizerKind, std::string_view> kNames[] = {
      {sap::train::OptimizerKind::kAdam, "adam"}, {sap::train::OptimizerKind::kAdamW, "adamw"}};
};
