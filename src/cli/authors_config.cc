// SPDX-License-Identifier: Apache-2.0
#include "cli/authors_config.h"

#include <algorithm>
#include <map>
#include <optional>

#include "sap/core/error.h"

namespace sap::cli {
namespace {

class Rewriter {
 public:
  explicit Rewriter(ConfigNode& config) : config_(config) {}

  // Removes and returns a key's value.
  std::optional<ConfigNode> Take(const std::string& key) {
    auto& entries = config_.entries;
    const auto found = std::find_if(
        entries.begin(), entries.end(), [&](const auto& entry) { return entry.first == key; });
    if (found == entries.end()) return std::nullopt;
    ConfigNode value = std::move(found->second);
    entries.erase(found);
    return value;
  }

  void Put(const std::string& key, ConfigNode value, const std::string& from) {
    notices_.push_back(fmt::format("{}: {} is read as {}", value.mark.Text(), from, key));
    ConfigNode* node = &config_;
    std::string rest = key;
    for (auto dot = rest.find('.'); dot != std::string::npos; dot = rest.find('.')) {
      node = &node->At(rest.substr(0, dot));
      if (node->kind == ConfigNode::Kind::kNull) node->kind = ConfigNode::Kind::kMap;
      rest = rest.substr(dot + 1);
    }
    node->At(rest) = std::move(value);
  }

  void Rename(const std::string& from, const std::string& to) {
    if (auto value = Take(from)) Put(to, std::move(*value), from);
  }

  std::vector<std::string> notices() && { return std::move(notices_); }

 private:
  ConfigNode& config_;
  std::vector<std::string> notices_;
};

ConfigNode Scalar(const std::string& text, const SourceMark& mark) {
  return {.kind = ConfigNode::Kind::kScalar, .scalar = text, .mark = mark};
}

// "T1,b1000" or a list.
ConfigNode ModalityList(const ConfigNode& node) {
  if (node.kind != ConfigNode::Kind::kScalar) return node;
  ConfigNode list = {.kind = ConfigNode::Kind::kList, .mark = node.mark};
  std::string rest = node.scalar;
  while (!rest.empty()) {
    const auto comma = std::min(rest.find(','), rest.size());
    list.items.push_back(Scalar(rest.substr(0, comma), node.mark));
    rest = comma < rest.size() ? rest.substr(comma + 1) : "";
  }
  return list;
}

// Their word for a mode, its checkpoint key, and the suffix of its rates.
struct Mode {
  std::string init;
  std::string checkpoint;
  std::string suffix;
};

Mode TakeMode(Rewriter& rewriter) {
  static const std::map<std::string, Mode> kModes = {{"SAP", {"sap", "sap_checkpoint", "_sap"}},
                                                     {"SSL", {"ssl", "ssl_checkpoint", "_ssl"}},
                                                     {"Scratch", {"random", "", ""}}};
  const ConfigNode word = *rewriter.Take("training_mode");
  const auto found = kModes.find(word.scalar);
  SAP_REQUIRE(ErrorKind::kOption,
              found != kModes.end(),
              "{}: training_mode: '{}' is not SAP, SSL or Scratch",
              word.mark.Text(),
              word.scalar);
  rewriter.Put("init.mode", Scalar(found->second.init, word.mark), "training_mode");
  return found->second;
}

void TakeRoi(Rewriter& rewriter) {
  ConfigNode roi = {.kind = ConfigNode::Kind::kList};
  for (const char* key : {"roi_x", "roi_y", "roi_z"}) {
    if (auto edge = rewriter.Take(key)) {
      roi.mark = edge->mark;
      roi.items.push_back(std::move(*edge));
    }
  }
  if (roi.items.size() == 3) rewriter.Put("roi_size", roi, "roi_x, roi_y, roi_z");
}

}  // namespace

std::vector<std::string> TranslateAuthorsFinetune(ConfigNode& config) {
  if (config.Find("training_mode") == nullptr) return {};
  Rewriter rewriter(config);
  const Mode mode = TakeMode(rewriter);
  for (const char* key : {"sap_checkpoint", "ssl_checkpoint"}) {
    if (auto path = rewriter.Take(key); path && mode.checkpoint == key) {
      rewriter.Put("init.path", std::move(*path), key);
    }
  }
  for (const std::string rate : {"encoder_lr", "decoder_lr"}) {
    for (const char* suffix : {"_sap", "_ssl"}) {
      auto value = rewriter.Take(rate + suffix);
      if (value && mode.suffix == suffix) rewriter.Put(rate, std::move(*value), rate + suffix);
    }
  }
  TakeRoi(rewriter);
  if (auto no_amp = rewriter.Take("no_amp")) {
    rewriter.Put(
        "precision", Scalar(no_amp->scalar == "true" ? "fp32" : "auto", no_amp->mark), "no_amp");
  }
  if (auto list = rewriter.Take("modalities")) {
    rewriter.Put("data.modalities", ModalityList(*list), "modalities");
  }
  // Their patches are cut already: the folder of training patches is the cohort.
  rewriter.Rename("train_dir", "data.path");
  rewriter.Rename("val_dir", "val_path");
  for (const auto& [from, to] :
       std::map<std::string, std::string>{{"run_name", "name"},
                                          {"val_every", "val_interval"},
                                          {"use_checkpoint", "activation_checkpointing"},
                                          {"optim_lr", "lr"},
                                          {"reg_weight", "weight_decay"},
                                          {"lrschedule", "lr_schedule"},
                                          {"squared_dice", "loss.squared"},
                                          {"smooth_nr", "loss.smooth_nr"},
                                          {"smooth_dr", "loss.smooth_dr"},
                                          {"ratio", "negatives_per_positive"},
                                          {"infer_overlap", "overlap"}}) {
    rewriter.Rename(from, to);
  }
  return std::move(rewriter).notices();
}

}  // namespace sap::cli
