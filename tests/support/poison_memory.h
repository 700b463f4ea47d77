// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/Context.h>
#include <malloc.h>

namespace sap::testing {

// While it lives, LibTorch fills every new tensor with NaN and malloc fills what libraries take for
// themselves with huge numbers, so that what reads memory before anything was written there shows.
class PoisonNewMemory {
 public:
  PoisonNewMemory() {
    at::globalContext().setDeterministicAlgorithms(true, /*warn_only=*/true);
    at::globalContext().setDeterministicFillUninitializedMemory(true);
    mallopt(M_PERTURB, 0x80);
  }
  PoisonNewMemory(const PoisonNewMemory&) = delete;
  PoisonNewMemory& operator=(const PoisonNewMemory&) = delete;
  ~PoisonNewMemory() {
    mallopt(M_PERTURB, 0);
    at::globalContext().setDeterministicAlgorithms(false, false);
  }
};

}  // namespace sap::testing
