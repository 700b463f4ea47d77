// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace sap {

// The words of an enum in configs, help texts and records, said once beside the enum:
//   template <> struct EnumNames<PatchMerging> {
//     static constexpr std::pair<PatchMerging, std::string_view> kNames[] = {
//         {PatchMerging::kLegacy, "legacy"}, ...};
//   };
template <typename E>
struct EnumNames;

template <typename E>
concept NamedEnum = std::is_enum_v<E> && requires {
  EnumNames<E>::kNames;
};

template <NamedEnum E>
std::string EnumName(E value) {
  for (const auto& [candidate, name] : EnumNames<E>::kNames) {
    if (candidate == value) return std::string(name);
  }
  return "?";
}

template <NamedEnum E>
std::optional<E> EnumFromName(std::string_view text) {
  for (const auto& [candidate, name] : EnumNames<E>::kNames) {
    if (name == text) return candidate;
  }
  return std::nullopt;
}

template <NamedEnum E>
std::vector<std::string> EnumWords() {
  std::vector<std::string> words;
  for (const auto& entry : EnumNames<E>::kNames) words.emplace_back(entry.second);
  return words;
}

}  // namespace sap
