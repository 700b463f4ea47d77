// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>

#include "cli/preprocess_cases.h"
#include "cli/preprocess_options.h"

namespace sap::cli {

// Memory that a case takes at its largest, estimated from its images' headers; 0 when they cannot
// be read, as such a case fails before it takes any.
int64_t EstimatedBytes(const Patient& patient, const PreprocessOptions& options);

// run(0) to run(count - 1), up to `at_once` at a time in that order of starting; one starts only
// while the estimates of those under way and its own fit `most_bytes`, or alone. After a throw none
// starts any more; the first exception is rethrown here when those under way have ended.
void RunAtOnce(std::size_t count,
               int at_once,
               std::optional<int64_t> most_bytes,
               const std::function<int64_t(std::size_t)>& bytes_of,
               const std::function<void(std::size_t)>& run);

}  // namespace sap::cli
