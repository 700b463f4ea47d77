// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/key_map.h"

#include <algorithm>
#include <optional>
#include <unordered_map>

#include "sap/core/error.h"

namespace sap::transfer {
namespace {

constexpr std::string_view kEncoder = "swinViT.";

void ReplaceFirst(std::string& text, std::string_view from, std::string_view to) {
  if (const std::size_t at = text.find(from); at != std::string::npos) {
    text.replace(at, from.size(), to);
  }
}

bool StripFromAll(std::vector<std::string>& names, std::string_view prefix) {
  const bool is_on_all = !names.empty() && std::ranges::all_of(names, [&](const auto& name) {
    return name.starts_with(prefix);
  });
  if (!is_on_all) return false;
  for (std::string& name : names) name.erase(0, prefix.size());
  return true;
}

bool StartsLikeEncoder(std::string_view name) {
  return name.starts_with("patch_embed.") ||
         (name.starts_with("layers") && name.size() > 7 && name[6] >= '1' && name[6] <= '4');
}

// Names relative to "swinViT." for files that hold the encoder without that prefix.
std::string AddEncoderPrefix(std::vector<std::string>& names) {
  const bool is_autoencoder = std::ranges::any_of(names, [](const auto& name) {
    return name.starts_with("encoder.patch_embed.") || name.starts_with("encoder.layers");
  });
  const bool is_bare_encoder = std::ranges::any_of(names, StartsLikeEncoder);
  for (std::string& name : names) {
    if (is_autoencoder && name.starts_with("encoder.")) {
      name.erase(0, std::string_view("encoder.").size());
      ReplaceFirst(name, ".0.0.", ".0.");
      name.insert(0, kEncoder);
    } else if (is_bare_encoder && (StartsLikeEncoder(name) || name.starts_with("norm."))) {
      name.insert(0, kEncoder);
    }
  }
  if (is_autoencoder) return "disruptive autoencoder (encoder.layersN.0.0)";
  if (is_bare_encoder) return "encoder without swinViT (model_swinvit.pt)";
  return "";
}

bool IsPretrainingHead(std::string_view name) {
  constexpr std::string_view kHeads[] = {"rotation_head.", "contrastive_head.", "conv."};
  return std::ranges::any_of(kHeads, [&](auto head) { return name.starts_with(head); });
}

// Why a name has no place in the network; nothing for one that has, or that is unknown.
std::optional<std::string> ReasonToDrop(std::string_view name, PretrainingHeads heads) {
  if (IsPretrainingHead(name) && heads == PretrainingHeads::kDrop) {
    return "head of self-supervised training";
  }
  for (const std::string_view unused :
       {"rotation_pre.", "contrastive_pre.", "mask_token", "swinViT.mask_token"}) {
    if (name.starts_with(unused)) return "head of self-supervised training";
  }
  if (name.starts_with("swinViT.norm.")) return "final norm of releases before 0.9, not read";
  for (const std::string_view block : {"encoder2.", "encoder3.", "encoder4.", "encoder10."}) {
    if (name.starts_with(block) && name.find(".layer.conv3.") != name.npos) {
      return "convolution of releases before 0.9, not read";
    }
  }
  return std::nullopt;
}

std::string LayoutWords(const std::vector<std::string>& names, std::string words) {
  const auto any = [&](std::string_view prefix) {
    return std::ranges::any_of(names, [&](const auto& n) { return n.starts_with(prefix); });
  };
  if (!words.empty()) return words;
  if (any("rotation_head.") || any("contrastive_head.")) return "SSL pretraining (SSLHead)";
  if (any("decoder1.") && any(kEncoder)) return "Swin UNETR";
  if (any(kEncoder)) return "encoder alone (swinViT)";
  return "unknown";
}

}  // namespace

bool IsIndexBuffer(std::string_view name) {
  return name.ends_with(".relative_position_index");
}

std::string CanonicalName(std::string_view name) {
  std::string result(name);
  if (result.starts_with("swin_vit.")) result.replace(0, 9, kEncoder);
  ReplaceFirst(result, ".mlp.fc1.", ".mlp.linear1.");
  ReplaceFirst(result, ".mlp.fc2.", ".mlp.linear2.");
  return result;
}

MappedWeights MapKeys(const nn::NamedTensors& weights, PretrainingHeads heads) {
  std::vector<std::string> names;
  for (const auto& entry : weights.entries) names.push_back(entry.first);
  MappedWeights mapped;
  mapped.weights.metadata = weights.metadata;
  mapped.weights.notes = weights.notes;
  for (const std::string_view prefix : {"module.", "backbone."}) {
    if (StripFromAll(names, prefix)) {
      mapped.weights.notes.push_back(fmt::format("'{}' stripped from every name", prefix));
    }
  }
  for (std::string& name : names) name = CanonicalName(name);
  mapped.layout = LayoutWords(names, AddEncoderPrefix(names));
  std::unordered_map<std::string, std::string> taken;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto& [original, tensor] = weights.entries[i];
    if (const auto reason = ReasonToDrop(names[i], heads)) {
      mapped.dropped.emplace_back(original, *reason);
      continue;
    }
    const auto [other, is_new] = taken.emplace(names[i], original);
    SAP_REQUIRE(ErrorKind::kInput,
                is_new,
                "the weights hold '{}' twice, as '{}' and as '{}'; keep one of them",
                names[i],
                other->second,
                original);
    mapped.weights.entries.emplace_back(names[i], tensor);
    mapped.original_names.push_back(original);
  }
  return mapped;
}

nn::NamedTensors SslLayout(const nn::NamedTensors& canonical) {
  nn::NamedTensors result;
  result.metadata = canonical.metadata;
  for (const auto& [name, tensor] : canonical.entries) {
    if (!name.starts_with(kEncoder)) continue;
    std::string plain = "module." + name.substr(kEncoder.size());
    ReplaceFirst(plain, ".mlp.linear1.", ".mlp.fc1.");
    ReplaceFirst(plain, ".mlp.linear2.", ".mlp.fc2.");
    result.entries.emplace_back(std::move(plain), tensor);
  }
  SAP_REQUIRE(ErrorKind::kInput,
              !result.entries.empty(),
              "the weights hold no swinViT tensor, so there is no encoder to write");
  return result;
}

}  // namespace sap::transfer
