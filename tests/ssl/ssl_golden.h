// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sap/ssl/heads.h"
#include "support/fill.h"

// The reference values of shared/golden/ssl_heads.{json,safetensors}, and the network they are of.
#define SAP_REQUIRE_SSL_GOLDEN(json, tensors)                  \
  SAP_REQUIRE_SHARED(json##_path, "golden/ssl_heads.json");    \
  SAP_REQUIRE_SHARED(tensors, "golden/ssl_heads.safetensors"); \
  const auto json = ::sap::testing::ReadGoldenJson(json##_path)

namespace sap::ssl {

// Feature size 12, two channels, legacy merging, the deterministic fill.
inline SslNet MakeFilledNet(nn::Reconstruction form, at::ScalarType dtype) {
  SslNetOptions options;
  options.reconstruction = form;
  options.encoder.feature_size = 12;
  SslNet net(options);
  testing::FillParameters(*net);
  net->to(dtype);
  return net;
}

inline std::vector<std::string> ParameterNames(const SslNet& net) {
  std::vector<std::string> names;
  for (const auto& item : net->named_parameters()) names.push_back(item.key());
  return names;
}

}  // namespace sap::ssl
