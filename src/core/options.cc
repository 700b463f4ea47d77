// SPDX-License-Identifier: Apache-2.0
#include "sap/core/options.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "sap/core/error.h"

namespace sap {
namespace {

std::size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), 0);
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t above = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = above;
    }
  }
  return row[b.size()];
}

std::string Nearest(const std::string& key, const std::vector<OptionField>& fields) {
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(3, key.size() / 3);
  for (const OptionField& field : fields) {
    const std::size_t distance = EditDistance(key, field.key);
    if (distance <= best_distance && (best.empty() || distance < best_distance)) {
      best = field.key;
      best_distance = distance;
    }
  }
  // The right word in the wrong group: "squared_dice" for "loss.squared_dice".
  for (const OptionField& field : fields) {
    if (best.empty() && field.key.ends_with("." + key)) best = field.key;
  }
  return best;
}

struct Leaf {
  std::string key;
  const ConfigNode* node;
};

// Full paths of what the config says; a map that is itself an option's value stays whole.
void Flatten(const ConfigNode& node,
             const std::string& prefix,
             const std::vector<OptionField>& fields,
             std::vector<Leaf>& leaves) {
  for (const auto& [key, value] : node.entries) {
    const std::string path = prefix + key;
    const bool is_group = std::any_of(fields.begin(), fields.end(), [&](const OptionField& field) {
      return field.key.starts_with(path + ".");
    });
    if (is_group && value.kind == ConfigNode::Kind::kMap) {
      Flatten(value, path + ".", fields, leaves);
    } else if (!(is_group && value.kind == ConfigNode::Kind::kNull)) {
      leaves.push_back({path, &value});
    }
  }
}

std::string DefaultText(const OptionField& field) {
  return field.required ? "(required)" : field.default_text;
}

}  // namespace

OptionField& OptionTable::Add(const std::string& key) {
  const std::string full = prefix_ + key;
  for (const OptionField& field : fields_) SAP_CHECK(field.key != full, "option {} twice", full);
  fields_.push_back({.key = full});
  return fields_.back();
}

void OptionTable::Alias(const std::string& old_key, const std::string& new_key) {
  aliases_[prefix_ + old_key] = prefix_ + new_key;
}

std::vector<std::string> OptionTable::Read(const ConfigNode& config) {
  std::vector<std::string> faults;
  std::vector<std::string> notices;
  std::set<std::string> given;
  std::vector<Leaf> leaves;
  Flatten(config, "", fields_, leaves);
  for (auto& [key, node] : leaves) {
    if (const auto alias = aliases_.find(key); alias != aliases_.end()) {
      notices.push_back(fmt::format("{}: {} is read as {}", node->mark.Text(), key, alias->second));
      key = alias->second;
    }
    const auto field = std::find_if(
        fields_.begin(), fields_.end(), [&key = key](const auto& f) { return f.key == key; });
    if (field == fields_.end()) {
      const std::string nearest = Nearest(key, fields_);
      faults.push_back(fmt::format("{}: unknown key '{}'{}",
                                   node->mark.Text(),
                                   key,
                                   nearest.empty() ? "; see --help for all keys"
                                                   : fmt::format("; did you mean '{}'?", nearest)));
      continue;
    }
    given.insert(key);
    if (const auto fault = field->read(*node)) {
      faults.push_back(fmt::format("{}: {}: {}", node->mark.Text(), key, *fault));
      continue;
    }
    for (const auto& check : field->checks) {
      if (const auto fault = check()) {
        faults.push_back(fmt::format("{}: {}: {}", node->mark.Text(), key, *fault));
      }
    }
  }
  for (const OptionField& field : fields_) {
    if (field.required && !given.contains(field.key)) {
      faults.push_back(
          fmt::format("{}: missing; it is required ({}); add it to the config or say "
                      "--set {}=...",
                      field.key,
                      field.help,
                      field.key));
    }
  }
  if (!faults.empty()) throw Error(ErrorKind::kOption, fmt::format("{}", fmt::join(faults, "\n")));
  return notices;
}

std::string OptionTable::HelpText() const {
  std::size_t width = 0;
  for (const OptionField& field : fields_) width = std::max(width, field.key.size());
  std::string text;
  for (const OptionField& field : fields_) {
    text += fmt::format("  {:<{}}  {}\n", field.key, width, field.help);
    text += fmt::format("  {:<{}}  {}; default {}{}\n",
                        "",
                        width,
                        field.type,
                        DefaultText(field),
                        field.rule.empty() ? "" : "; " + field.rule);
  }
  return text;
}

std::string OptionTable::Yaml() const {
  std::string text;
  std::vector<std::string> open;  // groups already printed
  for (const OptionField& field : fields_) {
    std::string rest = field.key;
    std::vector<std::string> groups;
    for (auto dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
      groups.push_back(rest.substr(0, dot));
      rest = rest.substr(dot + 1);
    }
    std::size_t common = 0;
    while (common < groups.size() && common < open.size() && groups[common] == open[common]) {
      ++common;
    }
    for (std::size_t g = common; g < groups.size(); ++g) {
      text += std::string(2 * g, ' ') + groups[g] + ":\n";
    }
    open = groups;
    text += fmt::format("{}{}: {}\n", std::string(2 * groups.size(), ' '), rest, field.print());
  }
  return text;
}

std::string OptionTable::MarkdownRows() const {
  std::string text = "| key | type | default | meaning |\n| --- | --- | --- | --- |\n";
  for (const OptionField& field : fields_) {
    text += fmt::format("| `{}` | {}{} | `{}` | {} |\n",
                        field.key,
                        field.type,
                        field.rule.empty() ? "" : "; " + field.rule,
                        DefaultText(field),
                        field.help);
  }
  return text;
}

}  // namespace sap
