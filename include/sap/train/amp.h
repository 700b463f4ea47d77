// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/Device.h>

#include "sap/core/enum_names.h"

namespace sap::train {

enum class Precision { kAuto, kFp32, kBf16 };

// auto: bf16 on CUDA and on CPUs with AMX or AVX-512-BF16, fp32 elsewhere. kOption when bf16 is
// asked of a CPU that would emulate it (100 times slower than fp32).
bool UseBf16(Precision precision, const c10::Device& device);

// bf16 autocast for the scope, the thread's former state afterwards. Does nothing when off.
class AutocastScope {
 public:
  AutocastScope(bool enabled, c10::DeviceType device_type);
  AutocastScope(const AutocastScope&) = delete;
  AutocastScope& operator=(const AutocastScope&) = delete;
  ~AutocastScope();

 private:
  bool enabled_;
  c10::DeviceType device_type_;
  bool was_enabled_ = false;
};

}  // namespace sap::train

template <>
struct sap::EnumNames<sap::train::Precision> {
  static constexpr std::pair<sap::train::Precision, std::string_view> kNames[] = {
      {sap::train::Precision::kAuto, "auto"},
      {sap::train::Precision::kFp32, "fp32"},
      {sap::train::Precision::kBf16, "bf16"}};
};
