// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include <nlohmann/json.hpp>

#include "data/store_file.h"

namespace sap::data {

nlohmann::json GeometryToJson(const Geometry& geometry);
Geometry GeometryFromJson(const nlohmann::json& json);

// The parts of a case that are not voxels. Lists of voxels go to `points` (x, y, z in a row); the
// JSON keeps where they begin and how many there are.
nlohmann::json CaseToJson(const CaseContent& content, std::vector<int32_t>& points);
StoredCase CaseFromJson(const nlohmann::json& json, const int32_t* points, int64_t num_points);
std::vector<InputFile> InputsFromJson(const nlohmann::json& json);

}  // namespace sap::data
