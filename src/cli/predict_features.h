// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cli/predict_options.h"

namespace sap::cli {

// `sap-predict --features`: the encoder's pooled bottleneck vectors of every lesion patch and of as
// many healthy patches of bone (specs/evaluation.md §1.11), as sap-evaluate reads them:
//   <output_dir>/features.safetensors   `features` float32 [N, E]
//   <output_dir>/features.csv           case, subject, kind, lesion, x_vox, y_vox, z_vox, model;
//                                       the voxel is the patch's begin on the grid the model sees
// Works with weights of any pretraining: the encoder is all it reads. Without roi_given the patches
// are as large as the weights say. A dry run writes nothing but the volume store. Returns a
// summary.
nlohmann::json PredictFeatures(PredictOptions options, bool roi_given, bool dry_run);

}  // namespace sap::cli
