// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/data/labels.h"

namespace sap::data {

enum class CohortLayout { kAuto, kCases, kNnunet, kDatalist, kIbPatches, kNnssl };
enum class OrientationRule { kLps, kNative };

struct CohortOptions {
  std::string path;
  CohortLayout layout = CohortLayout::kAuto;
  std::vector<std::string> modalities = {"T1", "b1000"};
  std::string label = "GT";
  LabelOptions labels;
  OrientationRule orientation = OrientationRule::kLps;
  std::optional<XyzDouble> spacing_mm;
  bool require_labels = true;
  std::vector<std::string> cases;
  std::map<std::string, std::string> path_roots;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("path", path)
        .Help("cohort folder, nnU-Net dataset, datalist JSON, patch folder or pretrain_data.json");
    v.Field("layout", layout).Help("how the cohort is laid out; auto looks at what is there");
    v.Field("modalities", modalities)
        .Help("input channels in order: file stems, or names in dataset.json, pretrain_data.json");
    v.Field("label", label).Help("file stem of the label map in a case folder");
    v.Group("labels", labels);
    v.Field("orientation", orientation).Help("bring volumes to LPS, or keep them as stored");
    v.Field("spacing", spacing_mm)
        .Help("resample to this voxel size [mm]; null = as stored")
        .Range(0.1, 20.0);
    v.Field("require_labels", require_labels).Help("a case without a label map is a fault");
    v.Field("cases", cases).Help("use only these case ids; [] = all");
    v.Field("path_roots", path_roots)
        .Help("folders that $NAME stands for in pretrain_data.json: {NAME: FOLDER}");
  }
};

// Where a record came from, beside its role in a study (free text: healthy, metastatic, ...).
enum class RecordKind { kCase, kLesionPatch, kBackgroundPatch };

struct CaseRecord {
  std::string id;
  std::string subject;  // groups the exams of one person: never split over folds
  std::string site;
  std::string role;
  RecordKind kind = RecordKind::kCase;
  std::optional<int> fold;                    // from a datalist
  std::vector<std::filesystem::path> images;  // in order of the modalities
  std::optional<std::filesystem::path> label;
  std::optional<std::filesystem::path> body;
};

struct Cohort {
  std::vector<CaseRecord> cases;  // sorted by id
  std::vector<std::string> modalities;
  LabelTable labels;
  OrientationRule orientation = OrientationRule::kLps;
  std::optional<XyzDouble> spacing_mm;

  std::optional<std::size_t> Find(const std::string& case_id) const;
};

// Finds the cases and checks what costs no voxel reading: files, grids (1e-3 mm), ids, the cohort
// table. Throws one kInput error that lists every fault of every case; kOption for the options.
// NaN voxels, truncated files and unknown label values are found, for all cases, when the volume
// store is built.
Cohort LoadCohort(const CohortOptions& options);

}  // namespace sap::data

template <>
struct sap::EnumNames<sap::data::CohortLayout> {
  static constexpr std::pair<sap::data::CohortLayout, std::string_view> kNames[] = {
      {sap::data::CohortLayout::kAuto, "auto"},
      {sap::data::CohortLayout::kCases, "cases"},
      {sap::data::CohortLayout::kNnunet, "nnunet"},
      {sap::data::CohortLayout::kDatalist, "datalist"},
      {sap::data::CohortLayout::kIbPatches, "ib_patches"},
      {sap::data::CohortLayout::kNnssl, "nnssl"}};
};
template <>
struct sap::EnumNames<sap::data::OrientationRule> {
  static constexpr std::pair<sap::data::OrientationRule, std::string_view> kNames[] = {
      {sap::data::OrientationRule::kLps, "LPS"}, {sap::data::OrientationRule::kNative, "native"}};
};
