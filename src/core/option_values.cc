// SPDX-License-Identifier: Apache-2.0
#include "sap/core/option_values.h"

#include <charconv>
#include <cmath>
#include <limits>

namespace sap::option_values {
namespace {

bool IsScalar(const ConfigNode& node) {
  return node.kind == ConfigNode::Kind::kScalar;
}

// Also "1e5" and "100.0" where a whole number is meant.
std::optional<double> NumberFrom(const std::string& text) {
  double value = 0;
  const char* begin = text.data() + (text.starts_with('+') ? 1 : 0);
  const char* end = text.data() + text.size();
  const auto [stop, code] = std::from_chars(begin, end, value);
  if (code != std::errc() || stop != end) return std::nullopt;
  return value;
}

template <typename Integer>
Fault ReadInteger(const ConfigNode& node, Integer& value) {
  const std::string fault = fmt::format("expected a whole number, found {}", Found(node));
  if (!IsScalar(node) || node.quoted) return fault;
  const char* end = node.scalar.data() + node.scalar.size();
  Integer parsed{};
  const auto [stop, code] = std::from_chars(node.scalar.data(), end, parsed);
  if (code == std::errc() && stop == end) {
    value = parsed;
    return std::nullopt;
  }
  const auto number = NumberFrom(node.scalar);
  constexpr double kExact = 9007199254740992.0;  // 2^53
  if (!number || *number != std::floor(*number) || std::abs(*number) > kExact) return fault;
  const double low = static_cast<double>(std::numeric_limits<Integer>::min());
  const double high = static_cast<double>(std::numeric_limits<Integer>::max());
  if (*number < low || *number > high) return fault;
  value = static_cast<Integer>(*number);
  return std::nullopt;
}

// Text that YAML would read as something else must be quoted.
bool NeedsQuotes(const std::string& value) {
  if (value.empty() || value == "null" || value == "~" || value == "true" || value == "false") {
    return true;
  }
  if (NumberFrom(value)) return true;
  return value.find_first_of(":#{}[],&*!|>'\"%@`\n\t") != std::string::npos ||
         value.front() == ' ' || value.back() == ' ' || value.front() == '-' ||
         value.front() == '?';
}

}  // namespace

std::string Found(const ConfigNode& node) {
  switch (node.kind) {
    case ConfigNode::Kind::kNull:
      return "null";
    case ConfigNode::Kind::kScalar:
      return fmt::format("\"{}\"", node.scalar);
    case ConfigNode::Kind::kList:
      return fmt::format("a list of {}", node.items.size());
    case ConfigNode::Kind::kMap:
      return "a map";
  }
  return "?";
}

Fault Read(const ConfigNode& node, bool& value) {
  if (IsScalar(node) && (node.scalar == "true" || node.scalar == "false")) {
    value = node.scalar == "true";
    return std::nullopt;
  }
  return fmt::format("expected true or false, found {}", Found(node));
}

Fault Read(const ConfigNode& node, int& value) {
  return ReadInteger(node, value);
}
Fault Read(const ConfigNode& node, int64_t& value) {
  return ReadInteger(node, value);
}
Fault Read(const ConfigNode& node, uint64_t& value) {
  return ReadInteger(node, value);
}

Fault Read(const ConfigNode& node, double& value) {
  const auto number =
      IsScalar(node) && !node.quoted ? NumberFrom(node.scalar) : std::optional<double>();
  if (!number || !std::isfinite(*number)) {
    return fmt::format("expected a number, found {}", Found(node));
  }
  value = *number;
  return std::nullopt;
}

Fault Read(const ConfigNode& node, std::string& value) {
  if (!IsScalar(node)) return fmt::format("expected text, found {}", Found(node));
  value = node.scalar;
  return std::nullopt;
}

std::string Print(bool value) {
  return value ? "true" : "false";
}
std::string Print(int value) {
  return fmt::format("{}", value);
}
std::string Print(int64_t value) {
  return fmt::format("{}", value);
}
std::string Print(uint64_t value) {
  return fmt::format("{}", value);
}
std::string Print(double value) {
  return fmt::format("{}", value);
}

std::string Print(const std::string& value) {
  if (!NeedsQuotes(value)) return value;
  std::string text = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') text += '\\';
    text += c == '\n' ? std::string("\\n") : std::string(1, c);
  }
  return text + "\"";
}

}  // namespace sap::option_values
