// SPDX-License-Identifier: Apache-2.0
#include "sap/core/error.h"

namespace sap {

int ExitCode(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kOption:
      return 2;
    case ErrorKind::kInput:
    case ErrorKind::kGeometry:
      return 3;
    case ErrorKind::kIo:
      return 4;
    case ErrorKind::kNumeric:
      return 5;
    case ErrorKind::kBug:
      return 6;
  }
  return 6;
}

namespace internal {

void FailCheck(const char* file, int line, const char* condition, const std::string& message) {
  const std::string path = file;
  throw Error(ErrorKind::kBug,
              fmt::format("{}:{}: {} does not hold{}{}; please report this",
                          path.substr(path.find_last_of('/') + 1),
                          line,
                          condition,
                          message.empty() ? "" : ": ",
                          message));
}

}  // namespace internal
}  // namespace sap
