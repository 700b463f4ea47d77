// SPDX-License-Identifier: Apache-2.0
#include "sap/cli/app.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <CLI/CLI.hpp>

#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/page_cache.h"
#include "sap/core/provenance.h"

namespace sap::cli {
namespace {

constexpr const char* kExitCodes =
    "Exit codes: 0 done; 2 option or config; 3 input data; 4 input/output; 5 numeric; 6 our bug;\n"
    "75 stopped on request after a save (run the same command again).\n";

struct Flags {
  std::string config;
  std::vector<std::string> settings;
  std::string log_level = "info";
  bool print_config = false;
  bool help = false;
  bool version = false;
  AppContext context;
};

std::string HelpText(const AppInfo& info, const OptionTable& table) {
  std::string text = fmt::format("{}: {}\n\nUsage: {} ", info.name, info.summary, info.name);
  if (!info.verbs.empty()) text += fmt::format("{} ", fmt::join(info.verbs, "|"));
  text += "[--config FILE] [--set KEY=VALUE ...]\n\nExample:\n";
  for (std::size_t begin = 0; begin < info.example.size();) {
    const std::size_t end = std::min(info.example.find('\n', begin), info.example.size());
    text += "  " + info.example.substr(begin, end - begin) + "\n";
    begin = end + 1;
  }
  text +=
      "\nFlags:\n"
      "  --config FILE      read options from a YAML or JSON file\n"
      "  --set KEY=VALUE    set one option, over the file; may be repeated; --KEY VALUE is the "
      "same\n"
      "  --print-config     print the resolved config as YAML and stop\n"
      "  --dry-run          check everything, say what would be done, change nothing\n"
      "  --json             print results as JSON\n"
      "  --quiet            only warnings and errors\n"
      "  --log-level LEVEL  trace, debug, info, warning, error or off; default info\n"
      "  --version          versions of this build\n"
      "  --help             this text\n";
  text += "\nOptions (keys of the config):\n" + table.HelpText() + "\n" + kExitCodes;
  return text;
}

log::Level LevelFromName(const std::string& name) {
  const std::vector<std::string> names = {"trace", "debug", "info", "warning", "error", "off"};
  const auto found = std::find(names.begin(), names.end(), name);
  SAP_REQUIRE(ErrorKind::kOption,
              found != names.end(),
              "--log-level {}: expected one of {}",
              name,
              fmt::join(names, ", "));
  return static_cast<log::Level>(found - names.begin());
}

const OptionField* FindField(const OptionTable& table, std::string key) {
  for (const auto& field : table.fields()) {
    if (field.key == key) return &field;
  }
  std::replace(key.begin(), key.end(), '-', '_');
  for (const auto& field : table.fields()) {
    if (field.key == key) return &field;
  }
  return nullptr;
}

// "--lr=1e-4", "--lr 1e-4", "--exact": options of the table used as flags.
std::vector<std::string> SettingsFromExtras(const std::vector<std::string>& extras,
                                            const AppInfo& info,
                                            const OptionTable& table,
                                            std::string& verb) {
  std::vector<std::string> settings;
  for (std::size_t i = 0; i < extras.size(); ++i) {
    const std::string& word = extras[i];
    if (!word.starts_with("--")) {
      const bool known = std::find(info.verbs.begin(), info.verbs.end(), word) != info.verbs.end();
      SAP_REQUIRE(ErrorKind::kOption,
                  known && verb.empty(),
                  "'{}': not expected here; {}; see {} --help",
                  word,
                  info.verbs.empty()
                      ? std::string("options start with --")
                      : fmt::format("the command is one of {}", fmt::join(info.verbs, ", ")),
                  info.name);
      verb = word;
      continue;
    }
    const auto equals = word.find('=');
    const std::string key = word.substr(2, equals == std::string::npos ? equals : equals - 2);
    const OptionField* field = FindField(table, key);
    const std::string name =
        field != nullptr ? field->key : key;  // unknown: Read names the nearest
    if (equals != std::string::npos) {
      settings.push_back(name + word.substr(equals));
    } else if (field != nullptr && field->type == "true|false" &&
               (i + 1 == extras.size() || (extras[i + 1] != "true" && extras[i + 1] != "false"))) {
      settings.push_back(name + "=true");
    } else {
      const bool has_value = i + 1 < extras.size() && !extras[i + 1].starts_with("--");
      SAP_REQUIRE(ErrorKind::kOption,
                  has_value || field == nullptr,
                  "--{}: needs a value ({})",
                  key,
                  field->type);
      settings.push_back(name + "=" + (has_value ? extras[++i] : ""));
    }
  }
  return settings;
}

Flags ParseFlags(int argc, char** argv, const AppInfo& info, const OptionTable& table) {
  Flags flags;
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  app.add_option("--config", flags.config);
  app.add_option("--set", flags.settings)->allow_extra_args(false);
  app.add_option("--log-level", flags.log_level);
  app.add_flag("--print-config", flags.print_config);
  app.add_flag("--dry-run", flags.context.dry_run);
  app.add_flag("--json", flags.context.json);
  app.add_flag("--quiet", flags.context.quiet);
  app.add_flag("--help,-h", flags.help);
  app.add_flag("--version", flags.version);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    Fail(ErrorKind::kOption, "{}; see {} --help", error.what(), info.name);
  }
  if (flags.help || flags.version) return flags;
  for (const auto& setting : SettingsFromExtras(app.remaining(), info, table, flags.context.verb)) {
    flags.settings.push_back(setting);
  }
  SAP_REQUIRE(ErrorKind::kOption,
              info.verbs.empty() || !flags.context.verb.empty(),
              "say what to do: {} {}; see {} --help",
              info.name,
              fmt::join(info.verbs, " | "),
              info.name);
  flags.context.config_path = flags.config;
  return flags;
}

void ReadOptions(const Flags& flags, OptionTable& table, const TranslateConfig& translate) {
  ConfigNode config;
  if (!flags.config.empty()) config = ParseConfigFile(flags.config);
  if (config.kind == ConfigNode::Kind::kNull) config.kind = ConfigNode::Kind::kMap;
  for (const auto& setting : flags.settings) ApplySetting(config, setting);
  std::vector<std::string> notices;
  if (translate) notices = translate(config);
  for (auto& notice : table.Read(config)) notices.push_back(std::move(notice));
  for (const auto& notice : notices) log::Info("{}", notice);
}

int Run(int argc,
        char** argv,
        const AppInfo& info,
        OptionTable& table,
        const std::function<int(const AppContext&)>& run,
        const TranslateConfig& translate) {
  const Flags flags = ParseFlags(argc, argv, info, table);
  if (flags.help) {
    std::fputs(HelpText(info, table).c_str(), stdout);
    return 0;
  }
  if (flags.version) {
    std::fputs(VersionText().c_str(), stdout);
    return 0;
  }
  log::SetLevel(LevelFromName(flags.context.quiet ? "warning" : flags.log_level));
  ReadOptions(flags, table, translate);
  if (flags.print_config) {
    std::fputs(table.Yaml().c_str(), stdout);
    return 0;
  }
  return run(flags.context);
}

// LibTorch's OpenMP reads its wait policy while it is loaded, before main. Threads that spin at its
// barriers gain nothing on an idle machine and cost four times the time as soon as another process
// wants a core (measured), so the program starts itself again with threads that sleep.
void SleepAtBarriers(char** argv) {
  const bool is_program = std::string(program_invocation_short_name).starts_with("sap-");
  if (!is_program || std::getenv("OMP_WAIT_POLICY") != nullptr) return;
  ::setenv("OMP_WAIT_POLICY", "PASSIVE", 0);
  ::execv("/proc/self/exe", argv);  // returns only when it cannot: then go on as we are
}

}  // namespace

int RunApp(int argc,
           char** argv,
           const AppInfo& info,
           OptionTable& table,
           const std::function<int(const AppContext&)>& run,
           const TranslateConfig& translate) {
  SleepAtBarriers(argv);
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its writer
  InstallPageCache();             // before the first tensor
  try {
    return Run(argc, argv, info, table, run, translate);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s: %s\n", info.name.c_str(), error.what());
    return ExitCode(error.kind());
  } catch (const std::bad_alloc&) {
    std::fprintf(stderr,
                 "%s: out of memory; use a smaller patch, batch or window batch\n",
                 info.name.c_str());
    return ExitCode(ErrorKind::kIo);
  } catch (const std::exception& error) {
    std::fprintf(
        stderr, "%s: unexpected error, please report it: %s\n", info.name.c_str(), error.what());
    return ExitCode(ErrorKind::kBug);
  }
}

std::string ConfigFolder() {
  namespace fs = std::filesystem;
  if (const char* named = std::getenv("SAP_CONFIG_DIR")) return named;
  std::error_code code;
  const fs::path program = fs::read_symlink("/proc/self/exe", code);
  for (const fs::path& candidate : {program.parent_path() / "../share/sap/configs",
                                    program.parent_path() / "../../../configs"}) {
    if (fs::is_directory(candidate)) return fs::canonical(candidate).string();
  }
  Fail(ErrorKind::kIo, "configs/ was not found beside this program; set SAP_CONFIG_DIR");
}

}  // namespace sap::cli
