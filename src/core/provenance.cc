// SPDX-License-Identifier: Apache-2.0
#include "sap/core/provenance.h"

#include <ATen/Version.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <torch/version.h>

#include "sap/core/parallel.h"
#include "sap_version.h"

namespace sap {
namespace {

constexpr const char* kCompiler = "g++ " __VERSION__;

}  // namespace

nlohmann::json Provenance() {
  return {{"sap_version", SAP_VERSION},
          {"git_revision", SAP_GIT_REVISION},
          {"compiler", kCompiler},
          {"libtorch", TORCH_VERSION},
          {"itk", SAP_ITK_VERSION},
          {"cuda_build", SAP_CUDA_BUILD != 0},
          {"cpu_capability", at::get_cpu_capability()}};
}

nlohmann::json ProvenanceWithThreads() {
  nlohmann::json facts = Provenance();
  facts["threads"] = NumThreads();
  return facts;
}

std::string VersionText() {
  return fmt::format("sap {} ({})\nLibTorch {}, {}\nITK {}\n{}\nCPU instruction set: {}\n",
                     SAP_VERSION,
                     SAP_GIT_REVISION,
                     TORCH_VERSION,
                     SAP_CUDA_BUILD != 0 ? "with CUDA" : "CPU only",
                     SAP_ITK_VERSION,
                     kCompiler,
                     at::get_cpu_capability());
}

}  // namespace sap
