// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace sap::train {

// SIGTERM, SIGUSR1, SIGUSR2 and SIGINT only set a flag; the training loop looks at it at the end
// of each step, saves, and leaves. A second SIGINT ends the process at once.
class StopSignal {
 public:
  StopSignal();  // installs the handlers
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;
  ~StopSignal();  // restores the former ones

  static bool Requested();
  static const char* Name();  // "SIGTERM"
};

}  // namespace sap::train
