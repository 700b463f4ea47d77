// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/core/rng.h"
#include "sap/core/tensor.h"
#include "sap/phantom/body.h"

namespace sap::phantom {

struct LesionOptions {
  int min_lesions = 1;
  int max_lesions = 40;
  double volume_median_ml = 0.5;
  double volume_log_sd = 1.03;  // ln 2 / 0.674: a quarter of the lesions has twice the median
  double volume_max_ml = 40.0;
  double subtle_frac = 0.15;
  bool mimics = true;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("min", min_lesions).Help("fewest lesions of a patient").Range(1, 500);
    v.Field("max", max_lesions).Help("most lesions of a patient").Range(1, 500);
    v.Field("volume_median_ml", volume_median_ml)
        .Help("median lesion volume [mL], log-normal")
        .Range(0.01, 50.0);
    v.Field("volume_sigma", volume_log_sd)
        .Help("standard deviation of the volume's natural logarithm")
        .Range(0.0, 3.0);
    v.Field("volume_max_ml", volume_max_ml).Help("largest lesion [mL]").Range(0.01, 500.0);
    v.Field("subtle", subtle_frac).Help("fraction of lesions with weak contrast").Range(0.0, 1.0);
    v.Field("mimics", mimics).Help("healed fractures, haemangiomas, end plates: not in GT");
  }
};

enum class FindingKind { kLesion, kHealedFracture, kHaemangioma, kEndPlate };

// A focal change of marrow: a metastasis or something that resembles one.
struct Finding {
  FindingKind kind = FindingKind::kLesion;
  int region = 0;  // bone region 1-9
  double target_ml = 0;
  double volume_ml = 0;
  int64_t num_vox = 0;
  Box box;
  bool subtle = false;
  double t1 = 0, b1000 = 0;  // noise-free signal, units of Body::t1
};

struct Findings {
  Tensor marks_XYZ;  // int16: 0 none, +i = list[i - 1], lesions and mimics alike
  std::vector<Finding> list;

  Tensor LesionMaskXYZ() const;  // uint8 0/1: GT
};

// Number of lesions of a patient (log-uniform over min..max), and a lesion's target volume.
int DrawLesionCount(const LesionOptions& options, uint64_t seed, uint64_t subject_idx);
double DrawLesionVolumeMl(const LesionOptions& options, Rng& rng);

// Places `num_lesions` metastases, then mimics, inside marrow of the nine regions. Each lesion is
// one 6-connected component, at least one voxel away from every other. A lesion for which the
// marrow has no room is smaller than its target; fewer lesions come back when none fits at all.
Findings PlaceFindings(const Body& body,
                       const LesionOptions& options,
                       int num_lesions,
                       uint64_t seed,
                       uint64_t subject_idx);

}  // namespace sap::phantom

template <>
struct sap::EnumNames<sap::phantom::FindingKind> {
  using Kind = sap::phantom::FindingKind;
  static constexpr std::pair<Kind, std::string_view> kNames[] = {
      {Kind::kLesion, "lesion"},
      {Kind::kHealedFracture, "healed_fracture"},
      {Kind::kHaemangioma, "haemangioma"},
      {Kind::kEndPlate, "end_plate"}};
};
