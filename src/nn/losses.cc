// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/losses.h"

#include <cmath>
#include <limits>
#include <vector>

#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>

#include "sap/core/error.h"

// In this file V = X*Y*Z voxels and r = 1 or 2 the power of p in the denominator.
namespace sap::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

// Fraction 1 - (2I + nr) / (D + dr) of a (sample, class), or of a class with options.batch, and
// its derivatives: per voxel dF/dp = on_label * g + everywhere * p^(r-1).
struct DiceTerms {
  Tensor mean;           // scalar
  Tensor on_label_BK;    // of the mean
  Tensor everywhere_BK;  // of the mean
};

// intersection = sum p g, pred = sum p^r, truth = sum g; all [B, K]. counted_K is the class
// weight, 0 for an excluded background.
DiceTerms SoftDice(const Tensor& intersection_BK,
                   const Tensor& pred_BK,
                   const Tensor& truth_BK,
                   const Tensor& counted_K,
                   int64_t num_counted,
                   const DiceCeOptions& o) {
  const auto pooled = [&o](const Tensor& x_BK) { return o.batch ? x_BK.sum(0, true) : x_BK; };
  const Tensor i = pooled(intersection_BK);
  Tensor denominator = pooled(pred_BK) + pooled(truth_BK);
  if (o.jaccard) denominator = 2.0 * (denominator - i);
  const Tensor d = denominator + o.smooth_dr;
  const Tensor n = 2.0 * i + o.smooth_nr;
  const double r = o.squared ? 2.0 : 1.0;
  const double d_per_pred = o.jaccard ? 2.0 : 1.0;
  const Tensor scale = counted_K / static_cast<double>(i.size(0) * num_counted);
  const Tensor slope = n / (d * d) * scale;  // of the mean, per unit of d
  DiceTerms terms;
  terms.mean = ((1.0 - n / d) * scale).sum();
  terms.everywhere_BK = (slope * (d_per_pred * r)).expand_as(pred_BK);
  Tensor on_label = -2.0 / d * scale;
  if (o.jaccard) on_label = on_label - 2.0 * slope;
  terms.on_label_BK = on_label.expand_as(pred_BK);
  return terms;
}

Tensor ClassWeights(const DiceCeOptions& o, const Tensor& like) {
  if (!o.class_weights) return at::ones({like.size(1)}, like.options());
  return at::tensor(*o.class_weights, at::kDouble).to(like.options());
}

// [B, K]: per class, the sum of x over the voxels that the label gives to it. A loop over the few
// classes instead of a scatter: pairwise sums, and the same order on every device.
Tensor SumByLabel(const Tensor& x_BV, const Tensor& label_BV, int64_t num_classes) {
  std::vector<Tensor> sums;
  for (int64_t k = 0; k < num_classes; ++k) {
    sums.push_back(x_BV.mul(label_BV.eq(k)).sum(1));
  }
  return at::stack(sums, 1);
}

// x[b, label[b, v], v] += value[b, v], in place.
void AddOnLabel(const Tensor& x_BKV, const Tensor& label_BV, const Tensor& value_BV) {
  for (int64_t k = 0; k < x_BKV.size(1); ++k) {
    x_BKV.select(1, k).add_(value_BV.mul(label_BV.eq(k)));
  }
}

// total, dice, ce from one softmax. The backward pass is written out: with s = dL/dp,
// dL/dlogit = p (s - sum_k p s) + lambda_ce w_label (p - g) / sum(w_label).
class DiceCeFunction : public torch::autograd::Function<DiceCeFunction> {
 public:
  static variable_list forward(AutogradContext* ctx,
                               const Tensor& logits_BKV,
                               const Tensor& label_BV,
                               const DiceCeOptions& o) {
    const int64_t num_classes = logits_BKV.size(1);
    Tensor p_BKV = logits_BKV.log_softmax(1);
    const Tensor log_p_label_BV = p_BKV.gather(1, label_BV.unsqueeze(1)).squeeze(1);
    p_BKV.exp_();
    const Tensor weight_K = ClassWeights(o, logits_BKV);
    const Tensor weight_BV = weight_K.index_select(0, label_BV.flatten()).view_as(label_BV);
    const Tensor weight_sum = weight_BV.sum();
    const Tensor ce = -(log_p_label_BV * weight_BV).sum() / weight_sum;

    const Tensor intersection_BK = SumByLabel(log_p_label_BV.exp(), label_BV, num_classes);
    const Tensor truth_BK = SumByLabel(at::ones_like(log_p_label_BV), label_BV, num_classes);
    const Tensor pred_BK = (o.squared ? p_BKV.square() : p_BKV).sum(2);
    const int64_t first = o.include_background ? 0 : 1;
    Tensor counted_K = weight_K.clone();
    if (first == 1) counted_K[0] = 0.0;
    const DiceTerms dice =
        SoftDice(intersection_BK, pred_BK, truth_BK, counted_K, num_classes - first, o);

    ctx->save_for_backward({p_BKV,
                            label_BV,
                            dice.on_label_BK * o.lambda_dice,
                            dice.everywhere_BK * o.lambda_dice,
                            weight_K * (o.lambda_ce / weight_sum)});
    ctx->saved_data["squared"] = o.squared;
    return {o.lambda_dice * dice.mean + o.lambda_ce * ce, dice.mean, ce};
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const variable_list saved = ctx->get_saved_variables();
    const Tensor& p_BKV = saved[0];
    const Tensor& label_BV = saved[1];
    const Tensor everywhere_BK1 = saved[3].unsqueeze(2);
    Tensor s_BKV = ctx->saved_data["squared"].toBool() ? p_BKV * everywhere_BK1
                                                       : at::zeros_like(p_BKV).add_(everywhere_BK1);
    AddOnLabel(s_BKV, label_BV, saved[2].gather(1, label_BV));
    const Tensor ce_BV = saved[4].index_select(0, label_BV.flatten()).view_as(label_BV);
    s_BKV.sub_((p_BKV * s_BKV).sum(1, true)).add_(ce_BV.unsqueeze(1)).mul_(p_BKV);
    AddOnLabel(s_BKV, label_BV, -ce_BV);
    return {s_BKV.mul_(grads[0]), Tensor(), Tensor()};
  }
};

// One output channel: softmax, one-hot and the background rule do not apply (§2.1).
DiceCe BinaryLoss(const Tensor& logits_B1V, const Tensor& label_B1V, const DiceCeOptions& o) {
  const Tensor g = label_B1V.to(logits_B1V.scalar_type());
  const auto sum = [&o](const Tensor& x_B1V) {
    return o.batch ? x_B1V.sum(at::IntArrayRef({0, 2})) : x_B1V.sum(2);
  };
  const Tensor i = sum(logits_B1V * g);
  const Tensor pred = o.squared ? logits_B1V.square() : logits_B1V;
  Tensor denominator = sum(pred) + sum(g);
  if (o.jaccard) denominator = 2.0 * (denominator - i);
  const Tensor dice = (1.0 - (2.0 * i + o.smooth_nr) / (denominator + o.smooth_dr)).mean();
  const Tensor ce = at::binary_cross_entropy_with_logits(logits_B1V, g);
  return {o.lambda_dice * dice + o.lambda_ce * ce, dice.detach(), ce.detach()};
}

void CheckShapes(const Tensor& logits_BKXYZ, const Tensor& label_B1XYZ) {
  const bool fits = logits_BKXYZ.dim() == 5 && label_B1XYZ.dim() == 5 && label_B1XYZ.size(1) == 1 &&
                    label_B1XYZ.size(0) == logits_BKXYZ.size(0) &&
                    label_B1XYZ.sizes().slice(2) == logits_BKXYZ.sizes().slice(2);
  SAP_REQUIRE(ErrorKind::kInput,
              fits,
              "logits {} and label {} do not fit; the label must be [batch, 1, x, y, z] on the "
              "grid of the logits",
              ShapeString(logits_BKXYZ),
              ShapeString(label_B1XYZ));
}

void CheckLabels(const Tensor& label_B1V, int64_t num_classes) {
  const auto [low, high] = label_B1V.aminmax();
  const Tensor ends = at::stack({low, high}).cpu();  // one wait for the device
  const int64_t lowest = ends[0].item<int64_t>();
  const int64_t highest = ends[1].item<int64_t>();
  SAP_REQUIRE(ErrorKind::kInput,
              lowest >= 0 && highest < num_classes,
              "label has class numbers {} to {}, but the network has {} outputs (0 to {}); map "
              "the labels or set out_channels",
              lowest,
              highest,
              num_classes,
              num_classes - 1);
}

}  // namespace

DiceCe DiceCeLoss(const Tensor& logits_BKXYZ,
                  const Tensor& label_B1XYZ,
                  const DiceCeOptions& options) {
  CheckShapes(logits_BKXYZ, label_B1XYZ);
  const int64_t num_classes = logits_BKXYZ.size(1);
  const bool is_double = logits_BKXYZ.scalar_type() == at::kDouble;
  const Tensor logits_BKV = logits_BKXYZ.to(is_double ? at::kDouble : at::kFloat).flatten(2);
  const Tensor label_B1V = label_B1XYZ.to(at::kLong).flatten(2);
  if (num_classes == 1) return BinaryLoss(logits_BKV, label_B1V, options);
  SAP_REQUIRE(
      ErrorKind::kOption,
      !options.class_weights || static_cast<int64_t>(options.class_weights->size()) == num_classes,
      "class_weights has {} values, but there are {} classes, background included",
      options.class_weights->size(),
      num_classes);
  CheckLabels(label_B1V, num_classes);
  const variable_list parts = DiceCeFunction::apply(logits_BKV, label_B1V.squeeze(1), options);
  return {parts[0], parts[1].detach(), parts[2].detach()};
}

ValidationScore ValidationDice(const Tensor& logits_BKXYZ, const Tensor& label_B1XYZ) {
  CheckShapes(logits_BKXYZ, label_B1XYZ);
  const int64_t num_samples = logits_BKXYZ.size(0);
  const int64_t num_classes = logits_BKXYZ.size(1);
  const Tensor predicted_BV = logits_BKXYZ.argmax(1).flatten(1);
  const Tensor label_BV = label_B1XYZ.flatten(1).to(at::kLong);
  ValidationScore score;
  score.dice_BK = at::full(
      {num_samples, num_classes - 1}, std::numeric_limits<double>::quiet_NaN(), at::kDouble);
  for (int64_t k = 1; k < num_classes; ++k) {
    const Tensor is_predicted = predicted_BV.eq(k);
    const Tensor is_true = label_BV.eq(k);
    const Tensor overlap_B = is_predicted.logical_and(is_true).sum(1).to(at::kDouble);
    const Tensor true_B = is_true.sum(1);
    const Tensor dice_B = 2.0 * overlap_B / (is_predicted.sum(1) + true_B);
    const Tensor valid_B = true_B.gt(0);
    score.dice_BK.select(1, k - 1).copy_(
        at::where(valid_B, dice_B, at::full_like(dice_B, std::nan(""))));
  }
  const Tensor per_sample_B = score.dice_BK.nanmean(1);
  const Tensor valid_B = per_sample_B.isnan().logical_not();
  score.num_valid_samples = valid_B.sum().item<int64_t>();
  if (score.num_valid_samples > 0) score.mean = per_sample_B.nanmean().item<double>();
  return score;
}

}  // namespace sap::nn
