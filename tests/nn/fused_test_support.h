// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/variable.h>

#include "nn/kernels/kernel_table.h"
#include "sap/core/tensor.h"

namespace sap::nn::testing {

// ||a - b|| / ||b||. Gradients behind a LeakyReLU are compared so and not value by value: an
// activation within rounding of 0 may fall on the other side of the kink.
inline double RelativeL2(const Tensor& a, const Tensor& b) {
  return ((a.to(at::kDouble) - b.to(at::kDouble)).norm() / b.to(at::kDouble).norm()).item<double>();
}

inline Tensor Leaf(const Tensor& value, at::ScalarType dtype) {
  return value.detach().to(dtype, /*non_blocking=*/false, /*copy=*/true).requires_grad_();
}

// Runs a test's body with every kernel set that this CPU can execute.
class EachKernelSet : public ::testing::TestWithParam<const KernelTable*> {
 protected:
  void SetUp() override {
    at::manual_seed(7);
    SetKernelsForTest(GetParam());
  }
  void TearDown() override { SetKernelsForTest(nullptr); }
};

inline std::vector<const KernelTable*> RunnableKernels() {
  std::vector<const KernelTable*> tables = {&BaselineKernels()};
  if (ActiveKernels().lanes >= 8) {
    tables.push_back(&Avx2Kernels());
    tables.push_back(&Avx2WideKernels());
  }
  if (ActiveKernels().lanes >= 16) tables.push_back(&Avx512Kernels());
  return tables;
}

inline std::string KernelName(const ::testing::TestParamInfo<const KernelTable*>& info) {
  std::string name = info.param->name;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
}

}  // namespace sap::nn::testing
