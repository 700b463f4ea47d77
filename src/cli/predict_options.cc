// SPDX-License-Identifier: Apache-2.0
#include "cli/predict_options.h"

#include <algorithm>

#include "cli/model_from_weights.h"
#include "sap/core/error.h"

namespace sap::cli {
namespace {

std::optional<ConfigNode> Take(ConfigNode& config, const std::string& key) {
  const auto found = std::find_if(config.entries.begin(),
                                  config.entries.end(),
                                  [&](const auto& entry) { return entry.first == key; });
  if (found == config.entries.end()) return std::nullopt;
  ConfigNode node = std::move(found->second);
  config.entries.erase(found);
  return node;
}

// A node that stands where `source` stood, for later messages.
void Put(ConfigNode& config,
         const std::string& key,
         ConfigNode::Kind kind,
         const std::string& scalar,
         const ConfigNode& source) {
  ConfigNode& node = config.At(key);
  node.kind = kind;
  node.scalar = scalar;
  node.mark = source.mark;
}

void TranslateRoi(ConfigNode& config, std::vector<std::string>& notices) {
  ConfigNode list{.kind = ConfigNode::Kind::kList};
  for (const char* key : {"roi_x", "roi_y", "roi_z"}) {
    if (auto edge = Take(config, key)) {
      list.mark = edge->mark;
      list.items.push_back(std::move(*edge));
    }
  }
  if (list.items.empty()) return;
  SAP_REQUIRE(ErrorKind::kOption,
              list.items.size() == 3,
              "{}: roi_x, roi_y and roi_z belong together; {} of them are given",
              list.mark.Text(),
              list.items.size());
  config.At("roi_size") = std::move(list);
  notices.push_back("roi_x, roi_y, roi_z are read as roi_size");
}

void TranslateModelType(ConfigNode& config, std::vector<std::string>& notices) {
  const auto type = Take(config, "model_type");
  if (!type) return;
  SAP_REQUIRE(ErrorKind::kOption,
              type->scalar == "lesion" || type->scalar == "skeletal",
              "{}: model_type: expected lesion or skeletal, found '{}'",
              type->mark.Text(),
              type->scalar);
  const ConfigNode* classes = config.Find("out_channels");
  if (classes == nullptr || classes->kind == ConfigNode::Kind::kNull) {
    Put(config,
        "out_channels",
        ConfigNode::Kind::kScalar,
        type->scalar == "lesion" ? "2" : "10",
        *type);
  }
  notices.push_back(fmt::format("model_type {} is read as out_channels", type->scalar));
  if (config.Find("clip") == nullptr) {
    notices.push_back(
        "clip stays true, as in training; the authors' program does not clip at prediction: "
        "clip=false gives its numbers");
  }
}

}  // namespace

std::vector<std::string> ModalitiesOf(const PredictOptions& options, const ModelCard& card) {
  std::vector<std::string> modalities = options.modalities;
  if (modalities.empty()) modalities = card.modalities;
  if (modalities.empty()) modalities = {"T1", "b1000"};
  SAP_REQUIRE(ErrorKind::kOption,
              static_cast<int64_t>(modalities.size()) == card.network.in_channels,
              "modalities: {} files ({}), but {} has {} input channels; name one file per channel",
              modalities.size(),
              fmt::join(modalities, ", "),
              card.file,
              card.network.in_channels);
  return modalities;
}

std::vector<std::string> TranslatePredictConfig(ConfigNode& config) {
  std::vector<std::string> notices;
  TranslateRoi(config, notices);
  TranslateModelType(config, notices);
  if (Take(config, "use_checkpoint")) {
    notices.push_back("use_checkpoint is left out: it saves memory in training only");
  }
  if (const auto no_amp = Take(config, "no_amp")) {
    const bool off = no_amp->scalar == "true";
    Put(config, "precision", ConfigNode::Kind::kScalar, off ? "fp32" : "auto", *no_amp);
    notices.push_back(fmt::format("no_amp is read as precision: {}", off ? "fp32" : "auto"));
  }
  const ConfigNode* cases = config.Find("case_list");
  if (cases != nullptr && cases->kind == ConfigNode::Kind::kNull) Take(config, "case_list");
  return notices;
}

}  // namespace sap::cli
