// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "cli/evaluate_methods.h"
#include "cli/evaluate_options.h"
#include "sap/eval/detection.h"
#include "sap/eval/report_html.h"

namespace sap::cli {

// Pictures of lesions chosen by one method (gallery_method; else sap, else the last), with the
// outlines of every method, as PNG files below `folder` and as a section of the report. Exams
// without an image show the probability map instead, and the section says so. Without anything to
// show the section is empty.
eval::ReportSection DrawGallery(const EvaluateOptions& options,
                                const std::vector<MethodPairs>& methods,
                                const std::vector<eval::LesionSummary>& summaries,
                                const std::filesystem::path& folder);

// The method that chooses the lesions. Throws kOption for a gallery_method that is none.
std::size_t GalleryMethod(const EvaluateOptions& options, const std::vector<MethodPairs>& methods);

}  // namespace sap::cli
