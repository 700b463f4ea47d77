// SPDX-License-Identifier: Apache-2.0
#include "sap/train/fault_hook.h"

#include <unistd.h>

#include <cstdlib>
#include <map>

namespace sap::train::fault {

void Reach(const std::string& place) {
  static const char* wanted = std::getenv("SAP_FAULT");
  if (wanted == nullptr) return;
  static std::map<std::string, int> arrivals;
  const std::string text = wanted;
  const auto equals = text.find('=');
  const int count = equals == std::string::npos ? 1 : std::atoi(text.c_str() + equals + 1);
  if (text.substr(0, equals) == place && ++arrivals[place] == count) _exit(137);
}

}  // namespace sap::train::fault
