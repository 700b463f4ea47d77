// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace sap {

// What went wrong decides the exit code of every program.
enum class ErrorKind {
  kOption,    // a flag, a config key or its value
  kInput,     // patient data, weights, splits: content
  kGeometry,  // patient data: grids that do not fit
  kIo,        // disk, permission, space
  kNumeric,   // non-finite loss or gradient
  kBug,       // ours
};

// 2 option, 3 input or geometry, 4 io, 5 numeric, 6 bug.
int ExitCode(ErrorKind kind);

// Exit code of a program that stopped on request after saving: run it again.
inline constexpr int kExitStoppedOnRequest = 75;

// The one exception of this project. The message names the case or option, the value found,
// the rule, and the next step.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const { return kind_; }

 private:
  ErrorKind kind_;
};

template <typename... Args>
[[noreturn]] void Fail(ErrorKind kind, fmt::format_string<Args...> text, Args&&... args) {
  throw Error(kind, fmt::format(text, std::forward<Args>(args)...));
}

namespace internal {
[[noreturn]] void FailCheck(const char* file,
                            int line,
                            const char* condition,
                            const std::string& message);
}  // namespace internal

}  // namespace sap

// For what a user can cause: SAP_REQUIRE(ErrorKind::kInput, n > 0, "{}: no voxels", case_id).
#define SAP_REQUIRE(kind, condition, ...) \
  do {                                    \
    if (!(condition)) [[unlikely]] {      \
      ::sap::Fail((kind), __VA_ARGS__);   \
    }                                     \
  } while (false)

// For what only we can cause; the exit code is 6.
#define SAP_CHECK(condition, ...)                                                                \
  do {                                                                                           \
    if (!(condition)) [[unlikely]] {                                                             \
      ::sap::internal::FailCheck(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
    }                                                                                            \
  } while (false)
