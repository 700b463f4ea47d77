// SPDX-License-Identifier: Apache-2.0
#include "sap/cli/commands.h"

int main(int argc, char** argv) {
  return sap::cli::PreprocessMain(argc, argv);
}
