// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <unordered_map>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/eval/lesion_match.h"

namespace sap::eval {
namespace {

// Each value above 0 becomes one component, numbered by its first voxel in C order.
Components InstancesOf(const Tensor& labels_XYZ) {
  const Tensor values_XYZ = labels_XYZ.to(at::kInt).contiguous();
  Components found{.labels_XYZ = at::zeros(values_XYZ.sizes(), at::kInt)};
  const int64_t size_y = values_XYZ.size(1);
  const int64_t size_z = values_XYZ.size(2);
  const int32_t* value = values_XYZ.data_ptr<int32_t>();
  int32_t* label = found.labels_XYZ.data_ptr<int32_t>();
  std::unordered_map<int32_t, int32_t> label_of_value;
  for (int64_t i = 0; i < values_XYZ.numel(); ++i) {
    if (value[i] <= 0) continue;
    const XyzInt at_vox{i / (size_y * size_z), i / size_z % size_y, i % size_z};
    const auto [place, is_new] =
        label_of_value.emplace(value[i], static_cast<int32_t>(found.list.size()) + 1);
    if (is_new) {
      found.list.push_back({.label = place->second, .box = {at_vox, at_vox}, .first_vox = at_vox});
    }
    Component& component = found.list[static_cast<std::size_t>(place->second) - 1];
    ++component.num_vox;
    for (std::size_t a = 0; a < 3; ++a) {
      component.box.begin_vox[a] = std::min(component.box.begin_vox[a], at_vox[a]);
      component.box.end_vox[a] = std::max(component.box.end_vox[a], at_vox[a] + 1);
    }
    label[i] = place->second;
  }
  return found;
}

// Sum of voxel positions per label.
void AddPosition(int32_t label, const XyzDouble& at_vox, std::vector<XyzDouble>& sums) {
  XyzDouble& sum = sums[static_cast<std::size_t>(label) - 1];
  for (std::size_t a = 0; a < 3; ++a) sum[a] += at_vox[a];
}

void Divide(const std::vector<Component>& components, std::vector<XyzDouble>& sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto n = static_cast<double>(components[i].num_vox);
    sums[i] = {sums[i].x / n, sums[i].y / n, sums[i].z / n};
  }
}

// One pass over both label maps gives every overlap and every centroid.
void CountJointly(LabelledCase& labelled) {
  const Tensor& reference_XYZ = labelled.reference.labels_XYZ;
  labelled.reference_centroid_vox.resize(labelled.reference.list.size());
  labelled.predicted_centroid_vox.resize(labelled.predicted.list.size());
  const int32_t* g = reference_XYZ.data_ptr<int32_t>();
  const int32_t* c = labelled.predicted.labels_XYZ.data_ptr<int32_t>();
  const int64_t size_y = reference_XYZ.size(1);
  const int64_t size_z = reference_XYZ.size(2);
  for (int64_t i = 0; i < reference_XYZ.numel(); ++i) {
    if (g[i] == 0 && c[i] == 0) continue;
    const XyzDouble at_vox{static_cast<double>(i / (size_y * size_z)),
                           static_cast<double>(i / size_z % size_y),
                           static_cast<double>(i % size_z)};
    if (g[i] != 0) AddPosition(g[i], at_vox, labelled.reference_centroid_vox);
    if (c[i] != 0) AddPosition(c[i], at_vox, labelled.predicted_centroid_vox);
    if (g[i] != 0 && c[i] != 0) ++labelled.shared_vox[{g[i], c[i]}];
  }
  Divide(labelled.reference.list, labelled.reference_centroid_vox);
  Divide(labelled.predicted.list, labelled.predicted_centroid_vox);
}

}  // namespace

Components LabelReference(const Tensor& reference_XYZ, const MatchOptions& options) {
  return options.gt_instances == GtInstances::kFile
             ? InstancesOf(reference_XYZ)
             : LabelComponents(reference_XYZ, static_cast<Connectivity>(options.connectivity));
}

LabelledCase LabelCase(const Tensor& reference_XYZ,
                       const Tensor& predicted_XYZ,
                       const XyzDouble& spacing_mm,
                       const MatchOptions& options) {
  SAP_CHECK(reference_XYZ.sizes() == predicted_XYZ.sizes(),
            "{} against {}",
            ShapeString(reference_XYZ),
            ShapeString(predicted_XYZ));
  LabelledCase labelled{
      .reference = LabelReference(reference_XYZ, options),
      .predicted = LabelComponents(predicted_XYZ, static_cast<Connectivity>(options.connectivity)),
      .spacing_mm = spacing_mm};
  CountJointly(labelled);
  return labelled;
}

}  // namespace sap::eval
