// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

namespace sap {

// Version, git revision, compiler, LibTorch and instruction set of this build and machine:
// what every record that holds a number must carry. No host name, no user, no path.
nlohmann::json Provenance();
// The same with the number of threads, for results whose last digits may depend on it.
nlohmann::json ProvenanceWithThreads();
std::string VersionText();  // the text of --version

}  // namespace sap
