// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/config_node.h"
#include "sap/core/enum_names.h"
#include "sap/core/option_values.h"

namespace sap {

// One option as Describe says it: key, help, rule, and how to read and print the bound value.
struct OptionField {
  std::string key;  // full path, "loss.squared_dice"
  std::string type;
  std::string help;
  std::string rule;  // "0.0 to 0.9", "one of legacy, fixed, v2"
  std::string default_text;
  bool required = false;
  std::function<std::optional<std::string>(const ConfigNode&)> read;  // returns a fault or nothing
  std::function<std::string()> print;                                 // YAML text of the value
  std::vector<std::function<std::optional<std::string>()>> checks;    // a fault or nothing
};

// What Field returns: the rules of one option, chained.
template <typename T>
class FieldRule {
 public:
  FieldRule(OptionField& field, T& value) : field_(field), value_(value) {}
  FieldRule& Help(std::string text) {
    field_.help = std::move(text);
    return *this;
  }
  FieldRule& Range(double low, double high) {
    return Rule(fmt::format("{:g} to {:g}", low, high), [low, high](const T& v) {
      return option_values::AllOf(v, [&](double x) { return x >= low && x <= high; });
    });
  }
  FieldRule& AtLeast(double low) {
    return Rule(fmt::format("at least {:g}", low), [low](const T& v) {
      return option_values::AllOf(v, [&](double x) { return x >= low; });
    });
  }
  FieldRule& MultipleOf(int64_t n) {
    return Rule(fmt::format("a positive multiple of {}", n), [n](const T& v) {
      return option_values::AllOf(
          v, [&](double x) { return x > 0 && static_cast<int64_t>(x) % n == 0; });
    });
  }
  FieldRule& Required() {
    field_.required = true;
    return *this;
  }
  FieldRule& Rule(std::string text, std::function<bool(const T&)> holds) {
    field_.rule += (field_.rule.empty() ? "" : "; ") + text;
    T* value = &value_;
    field_.checks.push_back([value, text, holds]() -> std::optional<std::string> {
      if (holds(*value)) return std::nullopt;
      return fmt::format("{} is not {}", option_values::Print(*value), text);
    });
    return *this;
  }

 private:
  OptionField& field_;
  T& value_;
};

// Collects what every Describe says. One table serves reading a config, --help, --print-config
// and the generated reference, so each option is said once.
class OptionTable {
 public:
  template <typename Options>
  explicit OptionTable(Options& options) {
    options.Describe(*this);
  }
  OptionTable() = default;

  template <typename T>
  FieldRule<T> Field(const std::string& key, T& value) {
    OptionField& field = Add(key);
    field.type = option_values::TypeName<T>();
    if constexpr (NamedEnum<T>) field.rule = option_values::OneOf<T>();
    field.default_text = option_values::Print(value);
    field.read = [&value](const ConfigNode& node) { return option_values::Read(node, value); };
    field.print = [&value] { return option_values::Print(value); };
    return FieldRule<T>(field, value);
  }

  // Nested options: v.Group("loss", loss) gives keys loss.*.
  template <typename Options>
  void Group(const std::string& key, Options& options) {
    const std::string outer = prefix_;
    prefix_ += key + ".";
    options.Describe(*this);
    prefix_ = outer;
  }

  // An older or foreign spelling; prints one "renamed key" line when used.
  void Alias(const std::string& old_key, const std::string& new_key);

  // Reads `config` into the bound values. Every fault of the whole file (unknown key with the
  // nearest known one, wrong type, broken rule, missing required key) comes in one kOption error
  // with file:line:column each. Returns the notices (renamed keys).
  std::vector<std::string> Read(const ConfigNode& config);

  std::string HelpText() const;      // aligned: key, default, help, rule
  std::string Yaml() const;          // the resolved config, readable again
  std::string MarkdownRows() const;  // for docs/cli.md
  const std::vector<OptionField>& fields() const { return fields_; }

 private:
  OptionField& Add(const std::string& key);

  std::vector<OptionField> fields_;
  std::map<std::string, std::string> aliases_;
  std::string prefix_;
};

}  // namespace sap
