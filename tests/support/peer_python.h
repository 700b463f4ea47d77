// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace sap::testing {

// A Python that imports `modules` ("torch, monai"): the one that SAP_PEER_PYTHON names, or
// ~/.venv-peers/bin/python. Nothing where there is none; tests that need it skip.
inline std::optional<std::string> PeerPython(const std::string& modules) {
  const char* named = std::getenv("SAP_PEER_PYTHON");
  const char* home = std::getenv("HOME");
  const std::string python = named != nullptr  ? named
                             : home != nullptr ? std::string(home) + "/.venv-peers/bin/python"
                                               : "";
  if (python.empty() || !std::filesystem::exists(python)) return std::nullopt;
  const std::string probe = python + " -c 'import " + modules + "' >/dev/null 2>&1";
  if (std::system(probe.c_str()) != 0) return std::nullopt;
  return python;
}

// Runs tests/peer/<script>; 0 when it succeeds.
inline int RunPeer(const std::string& python, const std::string& script_and_arguments) {
  return std::system(
      (python + " " + SAP_SOURCE_DIR + "/tests/peer/" + script_and_arguments).c_str());
}

}  // namespace sap::testing

#define SAP_REQUIRE_PEER(variable, modules)                                                      \
  const auto variable##_found = ::sap::testing::PeerPython(modules);                             \
  if (!variable##_found) GTEST_SKIP() << "no Python with " << (modules) << " (SAP_PEER_PYTHON)"; \
  const std::string variable = *variable##_found
