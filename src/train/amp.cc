// SPDX-License-Identifier: Apache-2.0
#include "sap/train/amp.h"

#include <ATen/autocast_mode.h>

#include "sap/core/error.h"

namespace sap::train {
namespace {

bool CpuHasBf16() {
  // oneDNN's bf16 convolutions need these; without them they fall to code 100 times slower.
  return __builtin_cpu_supports("avx512bf16") != 0;
}

}  // namespace

bool UseBf16(Precision precision, const c10::Device& device) {
  if (precision == Precision::kFp32) return false;
  const bool fast = device.is_cuda() || CpuHasBf16();
  SAP_REQUIRE(ErrorKind::kOption,
              fast || precision == Precision::kAuto,
              "precision: bf16 needs a GPU or a CPU with AVX-512-BF16 or AMX, which this machine "
              "lacks; use precision: auto or fp32");
  return fast;
}

AutocastScope::AutocastScope(bool enabled, c10::DeviceType device_type)
    : enabled_(enabled), device_type_(device_type) {
  if (!enabled_) return;
  was_enabled_ = at::autocast::is_autocast_enabled(device_type_);
  at::autocast::set_autocast_enabled(device_type_, true);
  at::autocast::set_autocast_dtype(device_type_, at::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastScope::~AutocastScope() {
  if (!enabled_) return;
  // Casts of weights are cached for the scope; they are stale after the next update.
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_type_, was_enabled_);
}

}  // namespace sap::train
