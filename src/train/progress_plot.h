// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "sap/train/run_dir.h"

namespace sap::train {

// Draws progress.png from metrics.jsonl with gnuplot: loss, score, learning rate, epoch time over
// epochs. Leaves progress.gp and progress.tsv beside it, so that anyone can restyle the picture.
// False when gnuplot is not installed or failed.
bool DrawProgressPlot(const RunFiles& files);

}  // namespace sap::train
