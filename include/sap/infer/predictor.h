// SPDX-License-Identifier: Apache-2.0
// One case from its files to maps on its own grid.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/image/volume.h"
#include "sap/infer/ensemble.h"
#include "sap/infer/sliding_window.h"

namespace sap::infer {

// What a model saw in training and therefore must see again.
struct ModelGrid {
  std::string orientation = "LPS";      // "native" leaves volumes as stored
  std::optional<XyzDouble> spacing_mm;  // nothing: each case's own
};

struct CaseOptions {
  SlidingWindowOptions windows;
  bool clip = true;
  bool exact = false;
  int64_t prob_class = 1;
  bool majority_vote = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    windows.Describe(v);
    v.Field("clip", clip)
        .Help("clip normalised intensities to 0..1 as in training; false is the authors' program");
    v.Field("exact", exact)
        .Help(
            "evaluate every window and mask nothing; otherwise windows without body are skipped "
            "and outside the body the result is background");
    v.Field("prob_class", prob_class).Help("class whose probability is written").AtLeast(0);
    v.Field("majority_vote", majority_vote)
        .Help("each connected component takes its most frequent label (skeleton)");
  }
};

struct CaseFiles {
  std::string id;
  std::vector<std::filesystem::path> images;  // one per channel that is there, in model order
  std::optional<std::filesystem::path> body;  // body.nii.gz
  std::vector<int64_t> absent_channels;       // of the model, ascending; they have no file
};

// A case as the network takes it.
struct CaseImage {
  std::string id;
  Tensor image_CXYZ;     // float32, normalised, on `model_grid`
  Tensor body_mask_XYZ;  // bool, on `model_grid`; undefined with exact
  Geometry model_grid;
  Geometry native;         // the files' own grid
  bool resampled = false;  // model_grid has another spacing than the files
};

// Folders of input_dir (or those named in case_list) with a file for every modality: a stem
// ("T1") or a file name. The modalities named in `absent` need none, and one that lies there is not
// read. Throws one kInput error that lists every case with what it lacks; kOption when `absent`
// names something else than modalities, or all of them.
std::vector<CaseFiles> FindCases(const std::filesystem::path& input_dir,
                                 const std::vector<std::string>& modalities,
                                 const std::vector<std::string>& case_list,
                                 const std::vector<std::string>& absent = {});

// Reads, checks that all channels are on one grid (kGeometry otherwise), reorients, resamples to
// the model's spacing and normalises each channel by its percentiles 1 and 99. Absent channels are
// background, 0 everywhere, as modality dropout shows them in training; the body mask comes from
// the others.
CaseImage ReadCase(const CaseFiles& files, const ModelGrid& grid, const CaseOptions& options);

// Body for skipping windows where a case has no body.nii.gz: voxels above a twentieth of any
// channel's range in components of 10 mL or more, grown by 10 mm, holes filled. bool [X, Y, Z].
Tensor RoughBodyMask(const Tensor& image_CXYZ, const XyzDouble& spacing_mm);

struct CasePrediction {
  Volume labels;       // uint8, on the files' own grid
  Volume probability;  // float32, there too
  WindowNumbers windows;
};

// The idx-th model of an ensemble; called once per model and case, so that only one model need be
// in memory.
using PredictorSource = std::function<Predictor(std::size_t model_idx)>;

// Probabilities are averaged over models, brought back to the files' grid by linear
// interpolation where the spacing differs, and only then turned into labels.
CasePrediction PredictCase(const CaseImage& image,
                           std::size_t num_models,
                           const PredictorSource& model,
                           const CaseOptions& options,
                           const WindowCount& on_windows = {});

}  // namespace sap::infer
