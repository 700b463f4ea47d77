// SPDX-License-Identifier: Apache-2.0
#include "data/store_json.h"

#include "sap/core/error.h"

namespace sap::data {
namespace {

using nlohmann::json;

template <typename T>
json XyzToJson(const Xyz<T>& v) {
  return json::array({v.x, v.y, v.z});
}
template <typename T>
Xyz<T> XyzFromJson(const json& j) {
  return {j.at(0).get<T>(), j.at(1).get<T>(), j.at(2).get<T>()};
}

json AddPoints(const std::vector<XyzInt>& voxels, std::vector<int32_t>& points) {
  const int64_t first = static_cast<int64_t>(points.size()) / 3;
  for (const XyzInt& v : voxels) {
    for (std::size_t a = 0; a < 3; ++a) points.push_back(static_cast<int32_t>(v[a]));
  }
  return json::array({first, voxels.size()});
}

std::vector<XyzInt> ReadPoints(const json& j, const int32_t* points, int64_t num_points) {
  const auto first = j.at(0).get<int64_t>();
  const auto count = j.at(1).get<int64_t>();
  SAP_REQUIRE(ErrorKind::kInput,
              first >= 0 && count >= 0 && first + count <= num_points,
              "a list of voxels lies outside the file");
  std::vector<XyzInt> voxels;
  for (const int32_t* p = points + 3 * first; p < points + 3 * (first + count); p += 3) {
    voxels.push_back({p[0], p[1], p[2]});
  }
  return voxels;
}

}  // namespace

json GeometryToJson(const Geometry& g) {
  return {{"size_vox", XyzToJson(g.size_vox)},
          {"spacing_mm", XyzToJson(g.spacing_mm)},
          {"origin_mm", XyzToJson(g.origin_mm)},
          {"direction", g.direction}};
}

Geometry GeometryFromJson(const json& j) {
  Geometry g;
  g.size_vox = XyzFromJson<int64_t>(j.at("size_vox"));
  g.spacing_mm = XyzFromJson<double>(j.at("spacing_mm"));
  g.origin_mm = XyzFromJson<double>(j.at("origin_mm"));
  g.direction = j.at("direction").get<Matrix3>();
  return g;
}

json CaseToJson(const CaseContent& content, std::vector<int32_t>& points) {
  const StoredCase& info = content.info;
  json j = {{"id", info.id},
            {"has_label", info.has_label},
            {"geometry", GeometryToJson(info.geometry)},
            {"native_geometry", GeometryToJson(info.native_geometry)},
            {"lesions", json::array()},
            {"classes", json::array()},
            {"body_voxels", AddPoints(info.body_voxels, points)},
            {"inputs", json::array()}};
  for (const Lesion& lesion : info.lesions) {
    j["lesions"].push_back({{"begin_vox", XyzToJson(lesion.box.begin_vox)},
                            {"end_vox", XyzToJson(lesion.box.end_vox)},
                            {"num_vox", lesion.num_vox},
                            {"volume_ml", lesion.volume_ml},
                            {"anchors", AddPoints(lesion.anchors_vox, points)}});
  }
  for (const auto& [class_idx, num_vox] : info.num_vox_of_class) {
    j["classes"].push_back({{"class", class_idx},
                            {"num_vox", num_vox},
                            {"voxels", AddPoints(info.voxels_of_class.at(class_idx), points)}});
  }
  for (const InputFile& input : content.inputs) {
    j["inputs"].push_back({{"name", input.name},
                           {"num_bytes", input.num_bytes},
                           {"modified_ns", input.modified_ns},
                           {"sha256", input.sha256}});
  }
  return j;
}

StoredCase CaseFromJson(const json& j, const int32_t* points, int64_t num_points) {
  StoredCase info;
  info.id = j.at("id").get<std::string>();
  info.has_label = j.at("has_label").get<bool>();
  info.geometry = GeometryFromJson(j.at("geometry"));
  info.native_geometry = GeometryFromJson(j.at("native_geometry"));
  info.size_vox = info.geometry.size_vox;
  info.spacing_mm = info.geometry.spacing_mm;
  info.body_voxels = ReadPoints(j.at("body_voxels"), points, num_points);
  for (const json& l : j.at("lesions")) {
    Lesion lesion;
    lesion.box = {XyzFromJson<int64_t>(l.at("begin_vox")), XyzFromJson<int64_t>(l.at("end_vox"))};
    lesion.num_vox = l.at("num_vox").get<int64_t>();
    lesion.volume_ml = l.at("volume_ml").get<double>();
    lesion.anchors_vox = ReadPoints(l.at("anchors"), points, num_points);
    info.lesions.push_back(std::move(lesion));
  }
  for (const json& c : j.at("classes")) {
    const int class_idx = c.at("class").get<int>();
    info.num_vox_of_class[class_idx] = c.at("num_vox").get<int64_t>();
    info.voxels_of_class[class_idx] = ReadPoints(c.at("voxels"), points, num_points);
  }
  return info;
}

std::vector<InputFile> InputsFromJson(const json& j) {
  std::vector<InputFile> inputs;
  for (const json& i : j.at("inputs")) {
    inputs.push_back({i.at("name").get<std::string>(),
                      i.at("num_bytes").get<int64_t>(),
                      i.at("modified_ns").get<int64_t>(),
                      i.at("sha256").get<std::string>()});
  }
  return inputs;
}

}  // namespace sap::data
