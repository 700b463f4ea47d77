// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <nlohmann/json.hpp>

#include "data/cohort_layouts.h"
#include "sap/core/error.h"

namespace sap::data {
namespace fs = std::filesystem;
namespace {

// Index of each wanted modality in channel_names ({"0": "T1", ...}).
std::vector<std::string> ChannelKeys(const nlohmann::json& dataset,
                                     const std::vector<std::string>& modalities) {
  const auto names = dataset.find("channel_names");
  SAP_REQUIRE(ErrorKind::kInput,
              names != dataset.end() && names->is_object(),
              "dataset.json has no channel_names; it is not an nnU-Net v2 dataset");
  std::vector<std::string> keys;
  for (const std::string& modality : modalities) {
    const auto it = std::find_if(names->items().begin(), names->items().end(), [&](const auto& n) {
      return n.value().is_string() &&
             Lower(n.value().template get<std::string>()) == Lower(modality);
    });
    SAP_REQUIRE(ErrorKind::kInput,
                it != names->items().end(),
                "dataset.json: no channel is named {}; channel_names is {}; set data.modalities "
                "to those names",
                modality,
                names->dump());
    keys.push_back(it.key());
  }
  return keys;
}

}  // namespace

FoundCases FindNnunetCases(const CohortOptions& options) {
  const fs::path root = options.path;
  const nlohmann::json dataset = ReadJsonFile(root / "dataset.json");
  const std::vector<std::string> keys = ChannelKeys(dataset, options.modalities);
  const std::string ending = dataset.value("file_ending", ".nii.gz");
  FoundCases found;
  const std::string first_channel = "_0000" + ending;
  for (const auto& entry : fs::directory_iterator(root / "imagesTr")) {
    const std::string name = entry.path().filename().string();
    if (!name.ends_with(first_channel)) continue;
    FoundCase one;
    one.record.id = name.substr(0, name.size() - first_channel.size());
    one.record.subject = one.record.id;
    for (const std::string& key : keys) {
      const fs::path image =
          root / "imagesTr" / fmt::format("{}_{:0>4}{}", one.record.id, key, ending);
      if (fs::exists(image)) {
        one.record.images.push_back(image);
      } else {
        one.faults.push_back(
            fmt::format("{}: imagesTr/{} is missing", one.record.id, image.filename().string()));
      }
    }
    const fs::path label = root / "labelsTr" / (one.record.id + ending);
    if (fs::exists(label)) one.record.label = label;
    found.cases.push_back(std::move(one));
  }
  return found;
}

}  // namespace sap::data
