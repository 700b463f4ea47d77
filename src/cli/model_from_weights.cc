// SPDX-License-Identifier: Apache-2.0
#include "cli/model_from_weights.h"

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/nn/swin_unetr.h"
#include "sap/nn/weights_io.h"
#include "sap/transfer/init_strategy.h"
#include "sap/transfer/key_map.h"

namespace sap::cli {
namespace {

constexpr const char* kPatchEmbed = "swinViT.patch_embed.proj.weight";
constexpr const char* kHeadBias = "out.conv.conv.bias";
constexpr const char* kFirstV2 = "swinViT.layers1c.0.layer.conv1.conv.weight";

const Tensor& Need(const nn::NamedTensors& weights, const std::string& file, const char* name) {
  const Tensor* tensor = weights.Find(name);
  SAP_REQUIRE(ErrorKind::kInput,
              tensor != nullptr,
              "{}: has no tensor {}; give the weights of a whole segmentation network (an "
              "encoder from self-supervised training cannot predict)",
              file,
              name);
  return *tensor;
}

std::string Value(const nn::NamedTensors& weights, const char* key) {
  const auto found = weights.metadata.find(key);
  return found == weights.metadata.end() ? "" : found->second;
}

// Items of "[1.5, 1.5, 3]", "1.5,1.5,3" or "[\"T1\", \"b1000\"]".
std::vector<std::string> Items(const std::string& text) {
  std::vector<std::string> items(1);
  for (const char c : text) {
    if (c == ',') items.emplace_back();
    if (c != ',' && c != '[' && c != ']' && c != '"' && c != ' ') items.back() += c;
  }
  if (items.size() == 1 && items[0].empty()) items.clear();
  return items;
}

template <typename T>
std::optional<Xyz<T>> ThreeNumbers(const std::string& file,
                                   const char* key,
                                   const std::string& text) {
  if (text.empty() || text == "null") return std::nullopt;
  const std::vector<std::string> items = Items(text);
  Xyz<T> numbers;
  bool valid = items.size() == 3;
  for (std::size_t a = 0; valid && a < 3; ++a) {
    char* end = nullptr;
    numbers[a] = static_cast<T>(std::strtod(items[a].c_str(), &end));
    valid = *end == '\0' && numbers[a] > 0;
  }
  SAP_REQUIRE(ErrorKind::kInput,
              valid,
              "{}: its metadata says {}: {}; three positive numbers are "
              "needed, so write the file again with sap-convert",
              file,
              key,
              text);
  return numbers;
}

// Names for a file without a table: the two that the authors' programs have, or numbers.
data::LabelTable LabelsByNumber(int64_t num_classes) {
  data::LabelOptions options;
  if (num_classes == 2) return data::MakeLabelTable(options);
  options.scheme = num_classes == 10 ? data::LabelScheme::kSkeleton : data::LabelScheme::kCustom;
  for (int k = 1; num_classes != 10 && k < num_classes; ++k) {
    options.names[fmt::format("class_{}", k)] = k;
  }
  return data::MakeLabelTable(options);
}

data::LabelTable ReadLabelTable(ModelCard& card, const std::string& text) {
  const int64_t num_classes = card.network.out_channels;
  if (text.empty()) {
    card.notes.push_back(fmt::format(
        "{}: names no labels; the table of {} classes is assumed", card.file, num_classes));
    return LabelsByNumber(num_classes);
  }
  data::LabelTable table;
  try {
    const nlohmann::json json = nlohmann::json::parse(text);
    const bool name_to_idx = json.is_object() && !json.empty() && json.begin()->is_number();
    data::LabelOptions options{.scheme = data::LabelScheme::kCustom};
    if (name_to_idx) {
      for (const auto& [name, idx] : json.items()) {
        if (idx != 0) options.names[name] = idx;
      }
    }
    table = name_to_idx ? data::MakeLabelTable(options) : data::LabelTable::FromJson(json);
  } catch (const nlohmann::json::exception&) {
    Fail(ErrorKind::kInput,
         "{}: its label table is not valid JSON; write the file again with "
         "sap-convert",
         card.file);
  }
  SAP_REQUIRE(ErrorKind::kInput,
              table.NumClasses() == num_classes,
              "{}: its label table has {} classes, its network {}; write the file again with "
              "sap-convert",
              card.file,
              table.NumClasses(),
              num_classes);
  return table;
}

void ReadEncoder(const nn::NamedTensors& weights, ModelCard& card) {
  const Tensor& patch_embed = Need(weights, card.file, kPatchEmbed);
  card.network.feature_size = patch_embed.size(0);
  card.network.in_channels = patch_embed.size(1);
  card.network.use_v2 = weights.Find(kFirstV2) != nullptr;
  const std::string merging = Value(weights, nn::weights_key::kPatchMerging);
  if (merging.empty()) {
    card.notes.push_back(
        fmt::format("{}: does not say its patch merging; legacy is assumed, as in all published "
                    "weights",
                    card.file));
    return;
  }
  const auto found = EnumFromName<nn::PatchMerging>(merging);
  SAP_REQUIRE(ErrorKind::kInput,
              found.has_value(),
              "{}: its patch merging is '{}'; known are legacy, fixed and v2",
              card.file,
              merging);
  card.network.patch_merging = *found;
}

void RequireSize(const std::string& file,
                 const char* what,
                 int64_t in_file,
                 const std::optional<int64_t>& expected) {
  SAP_REQUIRE(ErrorKind::kInput,
              !expected || *expected == in_file,
              "{}: {} is {} in these weights and {} in the config; drop the key (the file knows "
              "its sizes) or give other weights",
              file,
              what,
              in_file,
              expected.value_or(0));
}

nn::NamedTensors CanonicalWeights(const std::filesystem::path& path) {
  const nn::NamedTensors read = nn::ReadWeights(nn::WeightsFile(path));
  nn::NamedTensors weights = transfer::MapKeys(read).weights;
  weights.metadata = read.metadata;
  return weights;
}

// All but the head and its labels.
ModelCard CardOf(const std::filesystem::path& path, const nn::NamedTensors& weights) {
  ModelCard card{.file = path.filename().string()};
  card.sha256 = Sha256OfFile(nn::WeightsFile(path));
  ReadEncoder(weights, card);
  card.modalities = Items(Value(weights, nn::weights_key::kModalities));
  const std::string orientation = Value(weights, nn::weights_key::kOrientation);
  if (!orientation.empty()) card.grid.orientation = orientation;
  card.grid.spacing_mm = ThreeNumbers<double>(
      card.file, nn::weights_key::kSpacingMm, Value(weights, nn::weights_key::kSpacingMm));
  card.roi_size_vox = ThreeNumbers<int64_t>(
      card.file, nn::weights_key::kRoiSize, Value(weights, nn::weights_key::kRoiSize));
  return card;
}

}  // namespace

ModelCard ReadModelCard(const std::filesystem::path& path) {
  const nn::NamedTensors weights = CanonicalWeights(path);
  ModelCard card = CardOf(path, weights);
  card.network.out_channels = Need(weights, card.file, kHeadBias).size(0);
  card.labels = ReadLabelTable(card, Value(weights, nn::weights_key::kLabels));
  return card;
}

ModelCard ReadEncoderCard(const std::filesystem::path& path) {
  return CardOf(path, CanonicalWeights(path));
}

void RequireNetwork(const ModelCard& card, const ExpectedNetwork& expected) {
  RequireSize(card.file, "in_channels", card.network.in_channels, expected.in_channels);
  RequireSize(card.file, "out_channels", card.network.out_channels, expected.out_channels);
  RequireSize(card.file, "feature_size", card.network.feature_size, expected.feature_size);
}

c10::Device DeviceFromName(const std::string& name) {
  if (name == "auto") return at::hasCUDA() ? c10::Device("cuda:0") : c10::Device("cpu");
  const bool is_cuda = name == "cuda" || name.starts_with("cuda:");
  SAP_REQUIRE(ErrorKind::kOption,
              name == "cpu" || is_cuda,
              "device: '{}' is not one of auto, cpu, cuda, cuda:N",
              name);
  SAP_REQUIRE(ErrorKind::kOption,
              !is_cuda || at::hasCUDA(),
              "device: {} asked for, but there is no CUDA device here or in this build; see "
              "sap-doctor, or say device=cpu",
              name);
  return c10::Device(name);
}

infer::Predictor LoadPredictor(const std::filesystem::path& weights,
                               const ModelCard& card,
                               const c10::Device& device,
                               train::Precision precision) {
  nn::SwinUnetr model(card.network);
  transfer::LoadExact(*model, nn::ReadWeights(weights), card.file);
  model->to(device);
  model->eval();
  const bool bf16 = train::UseBf16(precision, device);
  return [model, device, bf16](const Tensor& window_BCXYZ) mutable {
    const at::NoGradGuard no_grad;
    const train::AutocastScope autocast(bf16, device.type());
    return model->forward(window_BCXYZ.to(device));
  };
}

}  // namespace sap::cli
