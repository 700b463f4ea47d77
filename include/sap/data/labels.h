// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/enum_names.h"
#include "sap/core/tensor.h"

namespace sap::data {

enum class LabelScheme { kLesion, kSkeleton, kCustom };

struct LabelOptions {
  LabelScheme scheme = LabelScheme::kLesion;
  std::map<std::string, int> map;    // value in the file -> class; empty = the scheme's own
  std::map<std::string, int> names;  // name -> class, for kCustom
  bool others_to_background = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("scheme", scheme).Help("label table: one lesion class, the nine bone regions, or own");
    v.Field("map", map).Help("value in the label file: class, e.g. {19: 1, 5: 2}; {} = as stored");
    v.Field("names", names).Help("name: class of a custom table, e.g. {spine: 1, pelvis: 2}");
    v.Field("others_to_background", others_to_background)
        .Help("values outside the map become background instead of a fault");
  }
};

// Class 0 is always background and not listed.
struct LabelClass {
  std::string name;
  uint8_t class_idx = 0;
  std::array<uint8_t, 3> rgb{};  // distinct, also for colour-blind readers
};

// What label files may hold and which training class each value becomes.
struct LabelTable {
  std::vector<LabelClass> classes;        // in order of class_idx, from 1
  std::map<int, uint8_t> class_of_value;  // empty: every positive value becomes class 1
  bool others_to_background = false;

  int NumClasses() const { return static_cast<int>(classes.size()) + 1; }  // with background
  // labels_XYZ: int16, CPU. Returns uint8 classes, same shape. Throws kInput naming `case_id`,
  // the values found that the table lacks, and how many voxels hold them.
  Tensor ToClasses(const Tensor& labels_XYZ, const std::string& case_id) const;
  nlohmann::json ToJson() const;
  static LabelTable FromJson(const nlohmann::json& json);
};

// Lesion: any positive value is class 1. Skeleton: cervical, thoracic, lumbar spine, pelvis,
// femurs, humeri, scapulae, clavicles, sternum = 1..9. Throws kOption for a custom table without
// names, classes with gaps, or a map to a class that has no name.
LabelTable MakeLabelTable(const LabelOptions& options);

// Text of an ITK-SNAP label description, and of a 3D Slicer colour table.
std::string ItkSnapLabels(const LabelTable& table);
std::string SlicerColors(const LabelTable& table);

}  // namespace sap::data

template <>
struct sap::EnumNames<sap::data::LabelScheme> {
  static constexpr std::pair<sap::data::LabelScheme, std::string_view> kNames[] = {
      {sap::data::LabelScheme::kLesion, "lesion"},
      {sap::data::LabelScheme::kSkeleton, "skeleton"},
      {sap::data::LabelScheme::kCustom, "custom"}};
};
