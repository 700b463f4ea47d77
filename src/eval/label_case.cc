// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <span>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/eval/lesion_match.h"

namespace sap::eval {
namespace {

using RowRuns = std::span<const RowRun>;

RowRuns RunsOfRow(const RunTable& table, std::size_t row) {
  const auto first = static_cast<std::size_t>(table.first_of_row[row]);
  return RowRuns(table.runs)
      .subspan(first, static_cast<std::size_t>(table.first_of_row[row + 1]) - first);
}

// Whole numbers far below 2^53: the order of the sum does not matter.
void AddPositions(RowRuns runs, int64_t x, int64_t y, std::vector<XyzDouble>& sums) {
  for (const RowRun& run : runs) {
    const auto n = static_cast<double>(run.end_z - run.begin_z);
    XyzDouble& sum = sums[static_cast<std::size_t>(run.label) - 1];
    sum.x += n * static_cast<double>(x);
    sum.y += n * static_cast<double>(y);
    sum.z += n * 0.5 * static_cast<double>(run.begin_z + run.end_z - 1);
  }
}

void Divide(const std::vector<Component>& components, std::vector<XyzDouble>& sums) {
  for (std::size_t i = 0; i < sums.size(); ++i) {
    const auto n = static_cast<double>(components[i].num_vox);
    sums[i] = {sums[i].x / n, sums[i].y / n, sums[i].z / n};
  }
}

// The runs of all components, row by row, give every overlap and every centroid.
void CountJointly(LabelledCase& labelled) {
  const Components& reference = labelled.reference;
  const Components& predicted = labelled.predicted;
  labelled.reference_centroid_vox.resize(reference.list.size());
  labelled.predicted_centroid_vox.resize(predicted.list.size());
  const int64_t size_y = reference.labels_XYZ.size(1);
  const int64_t num_rows = reference.labels_XYZ.size(0) * size_y;
  for (int64_t row = 0; row < num_rows; ++row) {
    const RowRuns lesions = RunsOfRow(reference.table, static_cast<std::size_t>(row));
    const RowRuns candidates = RunsOfRow(predicted.table, static_cast<std::size_t>(row));
    AddPositions(lesions, row / size_y, row % size_y, labelled.reference_centroid_vox);
    AddPositions(candidates, row / size_y, row % size_y, labelled.predicted_centroid_vox);
    for (auto g = lesions.begin(), c = candidates.begin();
         g != lesions.end() && c != candidates.end();
         ++(g->end_z < c->end_z ? g : c)) {
      const int32_t shared = std::min(g->end_z, c->end_z) - std::max(g->begin_z, c->begin_z);
      if (shared > 0) labelled.shared_vox[{g->label, c->label}] += shared;
    }
  }
  Divide(reference.list, labelled.reference_centroid_vox);
  Divide(predicted.list, labelled.predicted_centroid_vox);
}

}  // namespace

Components LabelReference(const Tensor& reference_XYZ, const MatchOptions& options) {
  return options.gt_instances == GtInstances::kFile
             ? LabelInstances(reference_XYZ)
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
