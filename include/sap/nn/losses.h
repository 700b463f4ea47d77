// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "sap/core/tensor.h"

// Training loss and validation score (swin_unetr §2.1, §2.4).
// Shapes: B batch, K classes (background is class 0), X Y Z space.
namespace sap::nn {

struct DiceCeOptions {
  bool include_background = false;  // in the Dice part; cross-entropy always has it
  bool squared = false;             // squares in the Dice denominator
  bool jaccard = false;
  bool batch = false;  // one Dice per class over the whole batch, not per sample
  double lambda_dice = 1.0;
  double lambda_ce = 1.0;
  double smooth_nr = 1e-5;
  double smooth_dr = 1e-5;
  std::optional<std::vector<double>> class_weights;  // one per class, background first

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("include_background", include_background).Help("count background in the Dice part");
    v.Field("squared", squared).Help("squared probabilities in the Dice denominator");
    v.Field("jaccard", jaccard).Help("soft Jaccard index in place of Dice");
    v.Field("batch", batch).Help("one Dice per class over the whole batch");
    v.Field("lambda_dice", lambda_dice).Help("weight of the Dice part").AtLeast(0);
    v.Field("lambda_ce", lambda_ce).Help("weight of the cross-entropy part").AtLeast(0);
    v.Field("smooth_nr", smooth_nr).Help("added to the Dice numerator").AtLeast(0);
    v.Field("smooth_dr", smooth_dr).Help("added to the Dice denominator").AtLeast(0);
    v.Field("class_weights", class_weights).Help("one weight per class, background first");
  }
};

// Scalars; dice and ce are the parts before their lambdas and carry no gradient.
struct DiceCe {
  Tensor total;
  Tensor dice;
  Tensor ce;
};

// Soft Dice plus cross-entropy. logits_BKXYZ: floating, computed in fp32 (fp64 stays fp64);
// label_B1XYZ: any integer or floating type with class numbers 0 .. K-1, same device.
// The value and its gradient come from one softmax; the graph keeps the probabilities alone.
// With K = 1, as in MONAI, the Dice part takes the raw logits of the one class and the other part
// is binary cross-entropy. Throws Error(kInput) for shapes that do not fit or labels outside
// 0 .. K-1, Error(kOption) for a wrong number of class weights.
DiceCe DiceCeLoss(const Tensor& logits_BKXYZ,
                  const Tensor& label_B1XYZ,
                  const DiceCeOptions& options);

struct ValidationScore {
  Tensor dice_BK;     // fp64 on the CPU, foreground classes only; NaN where the label has none
  double mean = 0.0;  // over the valid classes of a sample, then over samples that have one
  int64_t num_valid_samples = 0;
};

// Dice of argmax(logits) against the label, background excluded; classes absent from a sample's
// label are left out, so false positives there cost nothing (§2.4). mean is 0 where none is valid.
ValidationScore ValidationDice(const Tensor& logits_BKXYZ, const Tensor& label_B1XYZ);

}  // namespace sap::nn
