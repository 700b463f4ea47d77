// SPDX-License-Identifier: Apache-2.0
#include "preprocess/pipeline_state.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"

namespace sap::preprocess {
namespace {

using nlohmann::json;

constexpr const char* kStateFile = "state.json";

json ToJson(const XyzDouble& v) {
  return {v.x, v.y, v.z};
}

XyzDouble ToXyz(const json& values) {
  return {values.at(0).get<double>(), values.at(1).get<double>(), values.at(2).get<double>()};
}

// NIfTI keeps grids in single precision: the exact one goes to the record, so that a run that
// starts in the middle ends with the same bytes.
json ToJson(const Geometry& grid) {
  return {{"spacing_mm", ToJson(grid.spacing_mm)},
          {"origin_mm", ToJson(grid.origin_mm)},
          {"direction", grid.direction}};
}

Volume WithExactGrid(const Volume& volume, const json& record) {
  Geometry grid = volume.geometry();
  grid.spacing_mm = ToXyz(record.at("spacing_mm"));
  grid.origin_mm = ToXyz(record.at("origin_mm"));
  grid.direction = record.at("direction").get<Matrix3>();
  return {volume.data(), grid};
}

std::string MaskName(const std::string& modality, int station_idx) {
  return fmt::format("mask_{}_{}.nii.gz", modality, station_idx);
}

}  // namespace

int PipelineState::NumStations(const std::string& modality) const {
  int num = 0;
  for (const Station& s : stations) {
    if (s.modality == modality) num = std::max(num, s.station_idx + 1);
  }
  return num;
}

std::vector<std::size_t> PipelineState::VolumesOf(const std::string& modality,
                                                  int station_idx) const {
  std::vector<std::size_t> volumes;
  for (const std::size_t i : IndicesOf(stations, modality)) {
    if (stations[i].station_idx == station_idx) volumes.push_back(i);
  }
  return volumes;
}

std::size_t PipelineState::Find(const std::string& modality,
                                int station_idx,
                                double b_s_per_mm2) const {
  const std::vector<std::size_t> volumes = VolumesOf(modality, station_idx);
  SAP_REQUIRE(ErrorKind::kInput,
              !volumes.empty(),
              "{}: {} station {} is missing; give all stations, or leave out the modality",
              case_id,
              modality,
              station_idx + 1);
  return *std::min_element(volumes.begin(), volumes.end(), [&](std::size_t a, std::size_t b) {
    const auto distance = [&](std::size_t i) {
      return std::abs(stations[i].b_s_per_mm2.value_or(0.0) - b_s_per_mm2);
    };
    return distance(a) < distance(b);
  });
}

const Tensor& PipelineState::MaskOf(const Station& station) const {
  const std::string owner = station.modality == kAdcModality ? kDwi : station.modality;
  const auto found = mask_XYZ.find({owner, station.station_idx});
  SAP_REQUIRE(ErrorKind::kOption,
              found != mask_XYZ.end(),
              "{}: no body mask of {} station {}; the step `mask` must run before",
              case_id,
              owner,
              station.station_idx + 1);
  return found->second;
}

void SaveState(const PipelineState& state, const std::filesystem::path& folder) {
  CreateFolder(folder.parent_path());
  WriteFolderAtomically(folder, /*replace=*/true, [&](const std::filesystem::path& temporary) {
    json volumes = json::array();
    for (std::size_t i = 0; i < state.stations.size(); ++i) {
      const Station& s = state.stations[i];
      const std::string name = fmt::format("volume_{:03}.nii.gz", i);
      WriteVolume(temporary / name, s.image);
      volumes.push_back({{"file", name},
                         {"grid", ToJson(s.image.geometry())},
                         {"modality", s.modality},
                         {"b_s_per_mm2", s.b_s_per_mm2 ? json(*s.b_s_per_mm2) : json()},
                         {"station", s.station_idx},
                         {"sequence", s.sequence}});
    }
    json masks = json::array();
    for (const auto& [key, mask_XYZ] : state.mask_XYZ) {
      const Station& owner = state.stations[state.Find(key.first, key.second)];
      WriteVolume(temporary / MaskName(key.first, key.second),
                  owner.image.WithData(mask_XYZ.to(at::kByte)));
      masks.push_back({key.first, key.second});
    }
    json shifts = json::array();
    for (const XyzDouble& shift : state.dwi_shift_mm) shifts.push_back(ToJson(shift));
    const json record = {{"case", state.case_id},
                         {"volumes", volumes},
                         {"masks", masks},
                         {"dwi_shift_mm", shifts},
                         {"dwi_from_t1",
                          {{"rotation", state.dwi_from_t1.rotation},
                           {"offset_mm", ToJson(state.dwi_from_t1.offset_mm)}}},
                         {"notices", state.notices},
                         {"figures", state.figures}};
    WriteFileAtomically(temporary / kStateFile, record.dump(2) + "\n");
  });
}

PipelineState LoadState(const std::filesystem::path& folder) {
  const json record = json::parse(ReadFile(folder / kStateFile));
  PipelineState state;
  state.case_id = record.at("case").get<std::string>();
  for (const json& v : record.at("volumes")) {
    Station s;
    s.image = WithExactGrid(ReadVolume(folder / v.at("file").get<std::string>()), v.at("grid"));
    s.modality = v.at("modality").get<std::string>();
    if (!v.at("b_s_per_mm2").is_null()) s.b_s_per_mm2 = v.at("b_s_per_mm2").get<double>();
    s.station_idx = v.at("station").get<int>();
    s.sequence = v.at("sequence").get<std::string>();
    state.stations.push_back(std::move(s));
  }
  for (const json& key : record.at("masks")) {
    const auto modality = key.at(0).get<std::string>();
    const int station_idx = key.at(1).get<int>();
    state.mask_XYZ[{modality, station_idx}] =
        ReadLabels(folder / MaskName(modality, station_idx)).data() > 0;
  }
  for (const json& shift : record.at("dwi_shift_mm")) state.dwi_shift_mm.push_back(ToXyz(shift));
  state.dwi_from_t1.rotation = record.at("dwi_from_t1").at("rotation").get<Matrix3>();
  state.dwi_from_t1.offset_mm = ToXyz(record.at("dwi_from_t1").at("offset_mm"));
  state.notices = record.at("notices").get<std::vector<std::string>>();
  state.figures = record.at("figures");
  return state;
}

}  // namespace sap::preprocess
