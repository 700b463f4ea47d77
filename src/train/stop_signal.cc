// SPDX-License-Identifier: Apache-2.0
#include "sap/train/stop_signal.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>

namespace sap::train {
namespace {

constexpr std::array<int, 4> kSignals = {SIGTERM, SIGUSR1, SIGUSR2, SIGINT};
std::atomic<int> requested{0};
std::array<struct sigaction, kSignals.size()> former;

extern "C" void OnStopSignal(int number) {
  if (number == SIGINT && requested == SIGINT) _exit(128 + SIGINT);
  requested = number;
}

}  // namespace

StopSignal::StopSignal() {
  requested = 0;
  struct sigaction action {};
  action.sa_handler = OnStopSignal;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &former[i]);
  }
}

StopSignal::~StopSignal() {
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &former[i], nullptr);
}

bool StopSignal::Requested() {
  return requested != 0;
}

const char* StopSignal::Name() {
  switch (requested) {
    case SIGTERM:
      return "SIGTERM";
    case SIGUSR1:
      return "SIGUSR1";
    case SIGUSR2:
      return "SIGUSR2";
    case SIGINT:
      return "SIGINT";
    default:
      return "no signal";
  }
}

}  // namespace sap::train
