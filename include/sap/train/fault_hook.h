// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace sap::train::fault {

// Tests stop the process at a named place, as a lost node would: SAP_FAULT=save:before_rename=2
// ends it at the second arrival. Nothing happens without the variable.
void Reach(const std::string& place);

}  // namespace sap::train::fault
