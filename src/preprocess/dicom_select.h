// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "preprocess/dicom_folder.h"
#include "preprocess/dicom_stack.h"
#include "sap/preprocess/dicom_series.h"

namespace sap::preprocess::dicom {

// A stack with its fate.
struct Choice {
  Stack stack;
  const SequenceRule* rule = nullptr;
  bool used = false;
  std::string why;
};

// Names every stack by the rules and decides which are read (docs/station_input.md). Decisions
// depend on positions, b-values and times only, never on the order of `stacks`.
std::vector<Choice> Choose(std::vector<Stack> stacks, const DicomOptions& options);

// The rule that takes a header as an acquired image; nullptr for derived maps and the unnamed.
const SequenceRule* RuleOf(const SequenceRules& rules,
                           const SeriesHeader& header,
                           const std::vector<std::string>& type_words,
                           bool has_b_value);

}  // namespace sap::preprocess::dicom
