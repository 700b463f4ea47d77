// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <fmt/format.h>

#include "sap/core/axes.h"
#include "sap/core/config_node.h"
#include "sap/core/enum_names.h"

// How values of each option type are read from and printed as YAML. Read returns a fault
// ("expected a number, found \"abc\"") or nothing.
namespace sap::option_values {

using Fault = std::optional<std::string>;

Fault Read(const ConfigNode& node, bool& value);
Fault Read(const ConfigNode& node, int& value);
Fault Read(const ConfigNode& node, int64_t& value);
Fault Read(const ConfigNode& node, uint64_t& value);
Fault Read(const ConfigNode& node, double& value);
Fault Read(const ConfigNode& node, std::string& value);

std::string Print(bool value);
std::string Print(int value);
std::string Print(int64_t value);
std::string Print(uint64_t value);
std::string Print(double value);  // shortest text that reads back the same
std::string Print(const std::string& value);

std::string Found(const ConfigNode& node);  // what stands there, for messages

// Values of values: each template must see the others, whatever their order below.
template <typename T>
Fault Read(const ConfigNode& node, std::optional<T>& value);
template <typename T>
Fault Read(const ConfigNode& node, std::vector<T>& value);
template <typename T>
Fault Read(const ConfigNode& node, Xyz<T>& value);
template <typename T>
Fault Read(const ConfigNode& node, std::map<std::string, T>& value);
template <typename T>
std::string Print(const std::optional<T>& value);
template <typename T>
std::string Print(const std::vector<T>& value);
template <typename T>
std::string Print(const Xyz<T>& value);
template <typename T>
std::string Print(const std::map<std::string, T>& value);

template <NamedEnum E>
std::string OneOf() {
  return fmt::format("one of {}", fmt::join(EnumWords<E>(), ", "));
}
template <NamedEnum E>
Fault Read(const ConfigNode& node, E& value) {
  const auto found =
      node.kind == ConfigNode::Kind::kScalar ? EnumFromName<E>(node.scalar) : std::nullopt;
  if (!found) return fmt::format("expected {}, found {}", OneOf<E>(), Found(node));
  value = *found;
  return std::nullopt;
}
template <NamedEnum E>
std::string Print(E value) {
  return EnumName(value);
}

template <typename T>
Fault Read(const ConfigNode& node, std::optional<T>& value) {
  if (node.kind == ConfigNode::Kind::kNull) {
    value.reset();
    return std::nullopt;
  }
  T inner{};
  Fault fault = Read(node, inner);
  if (!fault) value = std::move(inner);
  return fault;
}
template <typename T>
std::string Print(const std::optional<T>& value) {
  return value ? Print(*value) : "null";
}

// A list; a single value counts as a list of one.
template <typename T>
Fault Read(const ConfigNode& node, std::vector<T>& value) {
  std::vector<T> result;
  const bool is_list = node.kind == ConfigNode::Kind::kList;
  const std::vector<ConfigNode> single = {node};
  for (const ConfigNode& item : is_list ? node.items : single) {
    T element{};
    if (Fault fault = Read(item, element)) return fault;
    result.push_back(std::move(element));
  }
  value = std::move(result);
  return std::nullopt;
}
template <typename T>
std::string Print(const std::vector<T>& value) {
  std::vector<std::string> parts;
  for (const T& element : value) parts.push_back(Print(element));
  return fmt::format("[{}]", fmt::join(parts, ", "));
}

// Three values, or one for all axes.
template <typename T>
Fault Read(const ConfigNode& node, Xyz<T>& value) {
  std::vector<T> list;
  if (Fault fault = Read(node, list)) return fault;
  if (list.size() == 1) list.resize(3, list[0]);
  if (list.size() != 3) return fmt::format("expected 1 or 3 values, found {}", list.size());
  value = {list[0], list[1], list[2]};
  return std::nullopt;
}
template <typename T>
std::string Print(const Xyz<T>& value) {
  return fmt::format("[{}, {}, {}]", Print(value.x), Print(value.y), Print(value.z));
}

template <typename T>
Fault Read(const ConfigNode& node, std::map<std::string, T>& value) {
  if (node.kind != ConfigNode::Kind::kMap) {
    return fmt::format("expected a map, found {}", Found(node));
  }
  std::map<std::string, T> result;
  for (const auto& [key, item] : node.entries) {
    if (Fault fault = Read(item, result[key])) return fmt::format("{}: {}", key, *fault);
  }
  value = std::move(result);
  return std::nullopt;
}
template <typename T>
std::string Print(const std::map<std::string, T>& value) {
  std::vector<std::string> parts;
  for (const auto& [key, element] : value) {
    parts.push_back(fmt::format("{}: {}", Print(key), Print(element)));
  }
  return fmt::format("{{{}}}", fmt::join(parts, ", "));
}

// Numeric rules look at each number of a value.
template <typename T, typename Predicate>
bool AllOf(const T& value, const Predicate& holds) {
  if constexpr (std::is_arithmetic_v<T>) {
    return holds(static_cast<double>(value));
  } else if constexpr (requires { value.has_value(); }) {
    return !value || AllOf(*value, holds);
  } else if constexpr (requires { value.x; }) {
    return AllOf(value.x, holds) && AllOf(value.y, holds) && AllOf(value.z, holds);
  } else {
    for (const auto& element : value) {
      if (!AllOf(element, holds)) return false;
    }
    return true;
  }
}

template <typename T>
struct TypeText {
  static std::string Text() {
    if constexpr (std::is_same_v<T, bool>) return "true|false";
    if constexpr (std::is_integral_v<T>) return "integer";
    if constexpr (std::is_floating_point_v<T>) return "number";
    if constexpr (std::is_enum_v<T>) return "word";
    return "text";
  }
};
template <typename T>
struct TypeText<std::optional<T>> {
  static std::string Text() { return TypeText<T>::Text() + " or null"; }
};
template <typename T>
struct TypeText<std::vector<T>> {
  static std::string Text() { return "list of " + TypeText<T>::Text(); }
};
template <typename T>
struct TypeText<Xyz<T>> {
  static std::string Text() { return "3 x " + TypeText<T>::Text(); }
};
template <typename T>
struct TypeText<std::map<std::string, T>> {
  static std::string Text() { return "map to " + TypeText<T>::Text(); }
};
template <typename T>
std::string TypeName() {
  return TypeText<T>::Text();
}

}  // namespace sap::option_values
