// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace sap {

// Where a value stands, for messages: "quickstart.yaml:12:3" or "--set lr=...".
struct SourceMark {
  std::string file;
  int line = 0;  // 1-based; 0 = not from a file
  int column = 0;
  std::string Text() const;
};

// A parsed config value: data only. YAML tags are refused; JSON is YAML.
struct ConfigNode {
  enum class Kind { kNull, kScalar, kList, kMap };
  Kind kind = Kind::kNull;
  std::string scalar;
  bool quoted = false;  // "1" in quotes is text
  std::vector<ConfigNode> items;
  std::vector<std::pair<std::string, ConfigNode>> entries;
  SourceMark mark;

  const ConfigNode* Find(const std::string& key) const;
  ConfigNode& At(const std::string& key);  // adds a null entry when missing
};

// Throws kOption with file:line:column for a syntax error, a duplicate key, a tag, too many
// aliases or too much depth.
ConfigNode ParseConfigText(const std::string& text, const std::string& file_name);
ConfigNode ParseConfigFile(const std::string& path);

// Applies "a.b=c" (the value is parsed as YAML) on top of a map.
void ApplySetting(ConfigNode& root, const std::string& assignment);

}  // namespace sap
