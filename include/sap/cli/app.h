// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "sap/core/options.h"

namespace sap::cli {

// What --help says about a program beside its option table.
struct AppInfo {
  std::string name;                     // "sap-train"
  std::string summary;                  // one sentence
  std::string example;                  // one or two command lines
  std::vector<std::string> verbs = {};  // "run", "status": the first word of the command line
  std::string config_name = {};         // file under configs/ that shows every key; empty = none
};

struct AppContext {
  std::string verb;  // empty when the program has none
  bool dry_run = false;
  bool json = false;
  bool quiet = false;
  std::string config_path;  // as given; empty without --config
};

// Foreign configs (the authors' JSON files) are rewritten before the table reads them. Returns
// one notice per rewritten key.
using TranslateConfig = std::function<std::vector<std::string>(ConfigNode& config)>;

// The frame of every program: parses --config, --set a.b=c (any option is also a flag:
// --a.b=c, --resume must, --exact), --print-config, --dry-run, --help, --version, --log-level,
// --json, --quiet; fills the table's options; runs `run`; turns an Error into one message on
// stderr and the documented exit code. Results go to stdout, logs to stderr.
int RunApp(int argc,
           char** argv,
           const AppInfo& info,
           OptionTable& table,
           const std::function<int(const AppContext&)>& run,
           const TranslateConfig& translate = nullptr);

// Folder of the files that the project carries (configs/): SAP_CONFIG_DIR in the environment,
// the source tree this program was built from, or share/sap/configs beside the installed program.
std::string ConfigFolder();

}  // namespace sap::cli
