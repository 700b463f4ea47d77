// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "sap/preprocess/pipeline.h"

namespace sap::cli {

// Four panels side by side: coronal and sagittal middle slice of T1, then of b1000 (bright is
// dark, as read), head up, true proportions; short marks at the sides where two stations meet.
void WriteQcPng(const std::filesystem::path& path, const preprocess::CaseVolumes& volumes);

}  // namespace sap::cli
