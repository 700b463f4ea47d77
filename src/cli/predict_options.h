// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/config_node.h"
#include "sap/core/enum_names.h"
#include "sap/core/options.h"
#include "sap/infer/predictor.h"
#include "sap/nn/bottleneck.h"
#include "sap/train/amp.h"

namespace sap::cli {

enum class ProbabilityFormat { kFloat32, kQuantised };

struct PredictOptions {
  std::string input_dir;
  std::string output_dir;
  std::vector<std::string> weights;
  std::vector<std::string> modalities;
  std::vector<std::string> absent;
  std::vector<std::string> case_list;
  infer::CaseOptions per_case;
  bool save_probs = true;
  ProbabilityFormat probability_format = ProbabilityFormat::kFloat32;
  bool skip_existing = false;
  std::optional<int64_t> in_channels;
  std::optional<int64_t> out_channels;
  std::optional<int64_t> feature_size;
  bool features = false;
  nn::Pooling pooling = nn::Pooling::kMean;
  std::string lesion_label = "GT";
  std::string bone_label = "skeleton";
  uint64_t seed = 42;
  std::string device = "auto";
  train::Precision precision = train::Precision::kAuto;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("input_dir", input_dir).Help("folder with one folder per case").Required();
    v.Field("output_dir", output_dir).Help("where <case>/ folders are written").Required();
    v.Field("weights", weights)
        .Help("weights file or checkpoint folder; a list is an ensemble (mean of probabilities)")
        .Required();
    v.Field("modalities", modalities)
        .Help("file stem or name of each channel; [] = as the weights say, else T1, b1000");
    v.Field("absent", absent)
        .Help("modalities without a file, background everywhere; needs weights trained for it");
    v.Field("case_list", case_list).Help("only these cases; [] or null = all");
    per_case.Describe(v);
    v.Field("save_probs", save_probs).Help("write the probability map beside the labels");
    v.Field("probability_format", probability_format)
        .Help("quantised: steps of 1/255, a file some ten times smaller");
    v.Field("skip_existing", skip_existing).Help("leave cases alone that output_dir has already");
    v.Field("in_channels", in_channels).Help("checked against the weights when given").AtLeast(1);
    v.Field("out_channels", out_channels).Help("checked against the weights when given").AtLeast(2);
    v.Field("feature_size", feature_size).Help("checked against the weights when given").AtLeast(1);
    v.Field("features", features)
        .Help(
            "in place of maps, write the encoder's bottleneck vectors of all lesion patches and of "
            "as many healthy ones inside bone (features.safetensors, features.csv)");
    v.Field("pooling", pooling).Help("one vector from the deepest grid (features)");
    v.Field("lesion_label", lesion_label).Help("file stem of the lesion labels (features)");
    v.Field("bone_label", bone_label).Help("file stem of the bone labels (features)");
    v.Field("seed", seed).Help("seed of the healthy patches (features)");
    v.Field("device", device).Help("auto, cpu, cuda or cuda:N");
    v.Field("precision", precision).Help("arithmetic of the network");
  }
};

struct ModelCard;

// The config's own, else those that the weights name, else T1 and b1000. Throws kOption when they
// are not one per input channel.
std::vector<std::string> ModalitiesOf(const PredictOptions& options, const ModelCard& card);

// Rewrites the keys of the authors' infer_config.json (interface §3) into ours; one notice each.
std::vector<std::string> TranslatePredictConfig(ConfigNode& config);

}  // namespace sap::cli

template <>
struct sap::EnumNames<sap::cli::ProbabilityFormat> {
  static constexpr std::pair<sap::cli::ProbabilityFormat, std::string_view> kNames[] = {
      {sap::cli::ProbabilityFormat::kFloat32, "float32"},
      {sap::cli::ProbabilityFormat::kQuantised, "quantised"}};
};
