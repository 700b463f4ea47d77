// SPDX-License-Identifier: Apache-2.0
#include "sap/data/labels.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"

namespace sap::data {
namespace {

constexpr const char* kBones[] = {"cervical_spine",
                                  "thoracic_spine",
                                  "lumbar_spine",
                                  "pelvis",
                                  "femurs",
                                  "humeri",
                                  "scapulae",
                                  "clavicles",
                                  "sternum"};

// Paul Tol's "muted" scheme: nine colours that stay apart for colour-blind readers.
constexpr std::array<std::array<uint8_t, 3>, 9> kMuted = {{{51, 34, 136},
                                                           {136, 204, 238},
                                                           {68, 170, 153},
                                                           {17, 119, 51},
                                                           {153, 153, 51},
                                                           {221, 204, 119},
                                                           {204, 102, 119},
                                                           {136, 34, 85},
                                                           {170, 68, 153}}};
constexpr std::array<uint8_t, 3> kLesionColor = {213, 94, 0};

// Beyond nine classes the scheme repeats, mixed with more and more white.
std::array<uint8_t, 3> ColorOf(std::size_t index) {
  const std::size_t round = index / kMuted.size();
  std::array<uint8_t, 3> rgb = kMuted[index % kMuted.size()];
  for (uint8_t& value : rgb) {
    for (std::size_t r = 0; r < round; ++r) value = static_cast<uint8_t>(value + (255 - value) / 4);
  }
  return rgb;
}

std::vector<LabelClass> CustomClasses(const LabelOptions& options) {
  SAP_REQUIRE(ErrorKind::kOption,
              !options.names.empty(),
              "labels.names is empty; a custom label table needs name: class for each class");
  std::vector<LabelClass> classes;
  for (const auto& [name, class_idx] : options.names) {
    SAP_REQUIRE(ErrorKind::kOption,
                class_idx >= 1 && class_idx <= 255,
                "labels.names: {} has class {}; classes are 1 to 255 (0 is background)",
                name,
                class_idx);
    classes.push_back({name, static_cast<uint8_t>(class_idx), {}});
  }
  std::sort(classes.begin(), classes.end(), [](const LabelClass& a, const LabelClass& b) {
    return a.class_idx < b.class_idx;
  });
  for (std::size_t i = 0; i < classes.size(); ++i) {
    SAP_REQUIRE(ErrorKind::kOption,
                classes[i].class_idx == i + 1,
                "labels.names: {} has class {}, expected {}; number the classes 1, 2, 3, ... "
                "without gaps or repeats",
                classes[i].name,
                classes[i].class_idx,
                i + 1);
    classes[i].rgb = ColorOf(i);
  }
  return classes;
}

std::vector<LabelClass> ClassesOf(const LabelOptions& options) {
  if (options.scheme == LabelScheme::kCustom) return CustomClasses(options);
  SAP_REQUIRE(ErrorKind::kOption,
              options.names.empty(),
              "labels.names is only for labels.scheme custom; remove it, or set the scheme");
  if (options.scheme == LabelScheme::kLesion) return {{"lesion", 1, kLesionColor}};
  std::vector<LabelClass> classes;
  for (std::size_t i = 0; i < std::size(kBones); ++i) {
    classes.push_back({kBones[i], static_cast<uint8_t>(i + 1), ColorOf(i)});
  }
  return classes;
}

int ValueOf(const std::string& text) {
  const bool digits =
      !text.empty() && text.size() <= 5 &&
      std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  SAP_REQUIRE(ErrorKind::kOption,
              digits && std::stoi(text) <= std::numeric_limits<int16_t>::max(),
              "labels.map: {} is not a label value; values are whole numbers of 0 to 32767",
              text);
  return std::stoi(text);
}

}  // namespace

LabelTable MakeLabelTable(const LabelOptions& options) {
  LabelTable table;
  table.classes = ClassesOf(options);
  table.others_to_background = options.others_to_background;
  for (const auto& [text, class_idx] : options.map) {
    SAP_REQUIRE(ErrorKind::kOption,
                class_idx >= 0 && class_idx < table.NumClasses(),
                "labels.map: value {} goes to class {}, but the classes are 0 to {}",
                text,
                class_idx,
                table.NumClasses() - 1);
    table.class_of_value[ValueOf(text)] = static_cast<uint8_t>(class_idx);
  }
  if (options.map.empty() && options.scheme != LabelScheme::kLesion) {
    for (const LabelClass& c : table.classes) table.class_of_value[c.class_idx] = c.class_idx;
  }
  if (!table.class_of_value.empty()) table.class_of_value.emplace(0, 0);
  return table;
}

Tensor LabelTable::ToClasses(const Tensor& labels_XYZ, const std::string& case_id) const {
  SAP_CHECK(labels_XYZ.scalar_type() == at::kShort, "labels are {}", ShapeString(labels_XYZ));
  const Tensor values = labels_XYZ.contiguous();
  Tensor classes_XYZ = at::empty(values.sizes(), at::kByte);
  std::vector<int16_t> class_of(32768, class_of_value.empty() ? 1 : -1);
  for (const auto& [value, class_idx] : class_of_value) {
    class_of[static_cast<std::size_t>(value)] = class_idx;
  }
  class_of[0] = class_of_value.empty() ? 0 : class_of[0];
  std::map<int, int64_t> unknown;
  const int16_t* in = values.const_data_ptr<int16_t>();
  uint8_t* out = classes_XYZ.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < values.numel(); ++i) {
    const int16_t c = in[i] >= 0 ? class_of[static_cast<std::size_t>(in[i])] : int16_t{-1};
    if (c < 0 && !others_to_background) ++unknown[in[i]];
    out[i] = static_cast<uint8_t>(std::max<int16_t>(c, 0));
  }
  std::vector<std::string> found;
  for (const auto& [value, count] : unknown) {
    found.push_back(fmt::format("{} ({} voxels)", value, count));
  }
  SAP_REQUIRE(ErrorKind::kInput,
              found.empty(),
              "{}: the label map holds {}, which the label table lacks; name the values in "
              "labels.map, or set labels.others_to_background: true",
              case_id,
              fmt::join(found, ", "));
  return classes_XYZ;
}

nlohmann::json LabelTable::ToJson() const {
  nlohmann::json json = {{"classes", nlohmann::json::array()},
                         {"others_to_background", others_to_background},
                         {"class_of_value", nlohmann::json::array()}};
  for (const LabelClass& c : classes) {
    json["classes"].push_back({{"name", c.name}, {"class", c.class_idx}, {"rgb", c.rgb}});
  }
  for (const auto& [value, class_idx] : class_of_value) {
    json["class_of_value"].push_back({value, class_idx});
  }
  return json;
}

LabelTable LabelTable::FromJson(const nlohmann::json& json) {
  LabelTable table;
  table.others_to_background = json.at("others_to_background").get<bool>();
  for (const auto& c : json.at("classes")) {
    table.classes.push_back({c.at("name").get<std::string>(),
                             c.at("class").get<uint8_t>(),
                             c.at("rgb").get<std::array<uint8_t, 3>>()});
  }
  for (const auto& pair : json.at("class_of_value")) {
    table.class_of_value[pair.at(0).get<int>()] = pair.at(1).get<uint8_t>();
  }
  return table;
}

std::string ItkSnapLabels(const LabelTable& table) {
  std::string text = "# ITK-SNAP label description: IDX R G B A VIS MSH LABEL\n";
  text += "    0     0    0    0        0  0  0    \"background\"\n";
  for (const LabelClass& c : table.classes) {
    text += fmt::format("{:5d} {:5d}{:5d}{:5d}        1  1  1    \"{}\"\n",
                        c.class_idx,
                        c.rgb[0],
                        c.rgb[1],
                        c.rgb[2],
                        c.name);
  }
  return text;
}

std::string SlicerColors(const LabelTable& table) {
  std::string text = "# 3D Slicer colour table: index name R G B A\n0 background 0 0 0 0\n";
  for (const LabelClass& c : table.classes) {
    text += fmt::format("{} {} {} {} {} 255\n", c.class_idx, c.name, c.rgb[0], c.rgb[1], c.rgb[2]);
  }
  return text;
}

}  // namespace sap::data
