// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <c10/core/ScalarType.h>

namespace sap::nn {

// What the reader makes of a name that a pickle mentions.
enum class GlobalUse {
  kOrderedDict,
  kRebuildTensor,
  kRebuildParameter,
  kStorageType,
  kOpaque,  // known and harmless, but no weights: kept as a placeholder, never built
};

// Nothing for a name that is not on the allow list.
std::optional<GlobalUse> FindGlobalUse(std::string_view name);

// "torch.FloatStorage" -> float32; nothing for other names.
std::optional<c10::ScalarType> StorageScalarType(std::string_view name);

// The next step for a user whose file mentions `name`.
std::string AdviceForUnknownGlobal(std::string_view name);

// float32 -> "FloatStorage", for the writer. Throws kInput for a type that is not stored.
std::string StorageClassName(c10::ScalarType dtype, std::string_view tensor);

}  // namespace sap::nn
