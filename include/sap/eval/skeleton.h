// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"
#include "sap/eval/detection.h"
#include "sap/eval/overlap.h"

namespace sap::eval {

// Dice of a class that the reference lacks and the prediction has: 0 counts it against the
// prediction (nnU-Net), NaN leaves it out (MONAI). Absent in both is NaN.
enum class AbsentClass { kZero, kNaN };

// Label maps [X, Y, Z] on one grid, any integer dtype, 0 = background.
struct LabelPair {
  std::string id;
  Tensor reference_XYZ;
  Tensor predicted_XYZ;
};
using LabelLoader = std::function<LabelPair(std::size_t case_idx)>;

struct CaseSkeleton {
  std::string id;
  std::vector<OverlapCounts> classes;  // by label, 0 = background
  std::vector<double> dice;            // by label, entry 0 unused (NaN)
  double merged_dice = 0;              // all classes as one foreground
};

struct SkeletonSummary {
  std::vector<std::string> class_names;  // by label
  std::vector<CaseSkeleton> cases;
  // Values of one class, one per scan; label 0 is the merged foreground.
  std::vector<double> DiceOfClass(std::size_t label) const;
};

// Dice per region and merged over scans (evaluation §1.10). class_names[0] is the background.
// Throws kInput naming the case for a label that class_names lacks, kGeometry for other sizes.
SkeletonSummary EvaluateSkeleton(std::size_t num_cases,
                                 const LabelLoader& load,
                                 const std::vector<std::string>& class_names,
                                 AbsentClass absent_class = AbsentClass::kZero);

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::AbsentClass> {
  static constexpr std::pair<sap::eval::AbsentClass, std::string_view> kNames[] = {
      {sap::eval::AbsentClass::kZero, "zero"}, {sap::eval::AbsentClass::kNaN, "nan"}};
};
