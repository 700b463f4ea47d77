// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "sap/core/config_node.h"

namespace sap::cli {

// The authors' finetune_config.json (specs/interface.md §3), recognised by `training_mode`, is
// rewritten into our keys; anything else is left alone. Returns one line per renamed key.
// Throws kOption for a training_mode other than SAP, SSL or Scratch.
std::vector<std::string> TranslateAuthorsFinetune(ConfigNode& config);

}  // namespace sap::cli
