// SPDX-License-Identifier: Apache-2.0
#include "sap/eval/skeleton.h"

#include <limits>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::eval {
namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();

void RequireLabels(const std::string& id, const char* what, const Tensor& labels, int num_classes) {
  if (labels.numel() == 0) return;
  const auto [low, high] = labels.aminmax();
  SAP_REQUIRE(ErrorKind::kInput,
              low.item<int64_t>() >= 0 && high.item<int64_t>() < num_classes,
              "{}: the {} has labels from {} to {}; {} classes have labels 0 to {}, so check the "
              "task and the label table",
              id,
              what,
              low.item<int64_t>(),
              high.item<int64_t>(),
              num_classes,
              num_classes - 1);
}

CaseSkeleton EvaluateScan(const LabelPair& pair, int num_classes, AbsentClass absent_class) {
  SAP_REQUIRE(ErrorKind::kGeometry,
              pair.reference_XYZ.sizes() == pair.predicted_XYZ.sizes(),
              "{}: the reference has {} voxels, the prediction {}; both must be on one grid",
              pair.id,
              ShapeString(pair.reference_XYZ),
              ShapeString(pair.predicted_XYZ));
  RequireLabels(pair.id, "reference", pair.reference_XYZ, num_classes);
  RequireLabels(pair.id, "prediction", pair.predicted_XYZ, num_classes);
  CaseSkeleton scan{.id = pair.id};
  scan.classes = CountOverlapPerClass(pair.reference_XYZ, pair.predicted_XYZ, num_classes);
  for (int k = 0; k < num_classes; ++k) {
    const OverlapCounts& counts = scan.classes[static_cast<std::size_t>(k)];
    const bool leave_out = k == 0 || (counts.Reference() == 0 && absent_class == AbsentClass::kNaN);
    scan.dice.push_back(leave_out ? kNaN : counts.Dice());
  }
  scan.merged_dice = Dice(pair.reference_XYZ, pair.predicted_XYZ);
  return scan;
}

}  // namespace

std::vector<double> SkeletonSummary::DiceOfClass(std::size_t label) const {
  std::vector<double> values;
  for (const CaseSkeleton& scan : cases) {
    values.push_back(label == 0 ? scan.merged_dice : scan.dice[label]);
  }
  return values;
}

SkeletonSummary EvaluateSkeleton(std::size_t num_cases,
                                 const LabelLoader& load,
                                 const std::vector<std::string>& class_names,
                                 AbsentClass absent_class) {
  SkeletonSummary summary{.class_names = class_names};
  for (std::size_t i = 0; i < num_cases; ++i) {
    summary.cases.push_back(
        EvaluateScan(load(i), static_cast<int>(class_names.size()), absent_class));
  }
  return summary;
}

}  // namespace sap::eval
