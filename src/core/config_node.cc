// SPDX-License-Identifier: Apache-2.0
#include "sap/core/config_node.h"

#include <algorithm>
#include <set>

#include <yaml-cpp/yaml.h>

#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap {
namespace {

constexpr int kMaxDepth = 32;
constexpr int kMaxNodes = 200000;  // an alias bomb expands beyond it

class Converter {
 public:
  explicit Converter(std::string file) : file_(std::move(file)) {}

  ConfigNode Convert(const YAML::Node& node, int depth) {
    ConfigNode result;
    result.mark = {file_, node.Mark().line + 1, node.Mark().column + 1};
    SAP_REQUIRE(ErrorKind::kOption,
                depth <= kMaxDepth && ++count_ <= kMaxNodes,
                "{}: nested deeper than {} levels or larger than {} values; simplify the config",
                result.mark.Text(),
                kMaxDepth,
                kMaxNodes);
    const std::string& tag = node.Tag();
    SAP_REQUIRE(ErrorKind::kOption,
                tag.empty() || tag == "?" || tag == "!",
                "{}: the YAML tag {} is not allowed; a config is data only",
                result.mark.Text(),
                tag);
    if (node.IsScalar()) {
      result.quoted = tag == "!";
      result.scalar = node.Scalar();
      const bool null = !result.quoted &&
                        (result.scalar == "null" || result.scalar == "~" || result.scalar.empty());
      result.kind = null ? ConfigNode::Kind::kNull : ConfigNode::Kind::kScalar;
    } else if (node.IsSequence()) {
      result.kind = ConfigNode::Kind::kList;
      for (const auto& item : node) result.items.push_back(Convert(item, depth + 1));
    } else if (node.IsMap()) {
      ConvertMap(node, depth, result);
    }
    return result;
  }

 private:
  void ConvertMap(const YAML::Node& node, int depth, ConfigNode& result) {
    result.kind = ConfigNode::Kind::kMap;
    std::set<std::string> seen;
    for (const auto& entry : node) {
      const SourceMark mark = {file_, entry.first.Mark().line + 1, entry.first.Mark().column + 1};
      SAP_REQUIRE(
          ErrorKind::kOption, entry.first.IsScalar(), "{}: a key must be text", mark.Text());
      const std::string key = entry.first.Scalar();
      SAP_REQUIRE(ErrorKind::kOption,
                  seen.insert(key).second,
                  "{}: the key '{}' stands here a second time; keep one",
                  mark.Text(),
                  key);
      ConfigNode value = Convert(entry.second, depth + 1);
      value.mark = mark;  // messages point at the key
      result.entries.emplace_back(key, std::move(value));
    }
  }

  std::string file_;
  int count_ = 0;
};

}  // namespace

std::string SourceMark::Text() const {
  return line > 0 ? fmt::format("{}:{}:{}", file, line, column) : file;
}

const ConfigNode* ConfigNode::Find(const std::string& key) const {
  for (const auto& [name, node] : entries) {
    if (name == key) return &node;
  }
  return nullptr;
}

ConfigNode& ConfigNode::At(const std::string& key) {
  if (kind == Kind::kNull) kind = Kind::kMap;
  for (auto& [name, node] : entries) {
    if (name == key) return node;
  }
  return entries.emplace_back(key, ConfigNode{}).second;
}

ConfigNode ParseConfigText(const std::string& text, const std::string& file_name) {
  try {
    return Converter(file_name).Convert(YAML::Load(text), 0);
  } catch (const YAML::Exception& error) {
    Fail(ErrorKind::kOption,
         "{}:{}:{}: {}; the file must be YAML or JSON",
         file_name,
         error.mark.line + 1,
         error.mark.column + 1,
         error.msg);
  }
}

ConfigNode ParseConfigFile(const std::string& path) {
  const std::string name = fs::path(path).filename().string();
  const std::string text = ReadFile(path, std::size_t{4} << 20);
  ConfigNode root = ParseConfigText(text, name);
  SAP_REQUIRE(ErrorKind::kOption,
              root.kind == ConfigNode::Kind::kMap || root.kind == ConfigNode::Kind::kNull,
              "{}: a config must be a map of keys, found {}",
              name,
              root.kind == ConfigNode::Kind::kList ? "a list" : "one value");
  return root;
}

void ApplySetting(ConfigNode& root, const std::string& assignment) {
  const auto equals = assignment.find('=');
  SAP_REQUIRE(ErrorKind::kOption,
              equals != std::string::npos && equals > 0,
              "--set {}: expected KEY=VALUE, e.g. --set lr=1e-4",
              assignment);
  const std::string mark = "--set " + assignment;
  ConfigNode value = ParseConfigText(assignment.substr(equals + 1), mark);
  ConfigNode* node = &root;
  std::string key = assignment.substr(0, equals);
  for (auto dot = key.find('.'); dot != std::string::npos; dot = key.find('.')) {
    node = &node->At(key.substr(0, dot));
    if (node->kind != ConfigNode::Kind::kMap) *node = {.kind = ConfigNode::Kind::kMap};
    node->mark = {mark, 0, 0};
    key = key.substr(dot + 1);
  }
  value.mark = {mark, 0, 0};
  node->At(key) = std::move(value);
}

}  // namespace sap
