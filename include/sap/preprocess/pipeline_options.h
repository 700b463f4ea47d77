// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/preprocess/adc.h"
#include "sap/preprocess/bias_field.h"
#include "sap/preprocess/body_mask.h"
#include "sap/preprocess/denoise.h"
#include "sap/preprocess/isis.h"
#include "sap/preprocess/nyul.h"
#include "sap/preprocess/register_stations.h"
#include "sap/preprocess/register_to_t1.h"

namespace sap::preprocess {

// The steps of one patient, in order. Standardisation is the cohort's, after all patients.
enum class Step { kMask, kAdc, kDenoise, kBias, kIsis, kRegisterStations, kRegisterToT1, kMerge };

enum class Preset { kPaper, kAuthorMain };
enum class MaskFrom { kLowestB, kHighestB };

// Faults of the authors' public program (preprocessing §1.12), off unless wanted for comparison.
struct AuthorFaults {
  bool dwi_own_grid = false;
  bool nyul_identity = false;
  bool crop_each_b = false;
  bool adc_unregistered = false;
  bool instance_order = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("dwi_own_grid", dwi_own_grid).Help("fault 1: diffusion volumes stay on their own grid");
    v.Field("nyul_identity", nyul_identity)
        .Help("fault 2: source landmarks are the standard ones; clips above the last");
    v.Field("crop_each_b", crop_each_b).Help("fault 4: each b-value is cropped on its own");
    v.Field("adc_unregistered", adc_unregistered)
        .Help("fault 5: ADC stations do not follow the inter-station shift");
    v.Field("instance_order", instance_order)
        .Help("fault 6: DICOM slices by Instance Number, evenly from the first to the last");
  }
};

struct PipelineOptions {
  Preset preset = Preset::kPaper;
  std::vector<Step> steps;  // empty: all
  std::optional<XyzDouble> spacing_mm = XyzDouble{1, 1, 1};
  double b_target_s_per_mm2 = 1000.0;
  double b_tolerance_s_per_mm2 = 250.0;
  MaskFrom mask_from = MaskFrom::kLowestB;
  bool apply_mask = true;
  bool write_adc = true;
  bool keep_intermediates = false;
  BodyMaskOptions mask;
  AdcOptions adc;
  DenoiseOptions denoise;
  BiasFieldOptions bias;
  IsisOptions isis;
  StationRegistrationOptions stations;
  T1RegistrationOptions to_t1;
  NyulOptions nyul;
  AuthorFaults faults;

  bool Has(Step step) const;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("preset", preset).Help("paper, or the authors' public program without its faults");
    v.Field("steps", steps)
        .Help(
            "only these of mask, adc, denoise, bias, isis, register_stations, register_to_t1 and "
            "merge, in this order; [] = those of the preset");
    v.Field("spacing", spacing_mm)
        .Help("voxel size of the result [mm]; null = the T1 stations' own")
        .Range(0.2, 20.0);
    v.Field("b_target", b_target_s_per_mm2).Help("wanted b-value [s/mm2]").Range(50.0, 5000.0);
    v.Field("b_tolerance", b_tolerance_s_per_mm2)
        .Help("the nearest b-value must be this close [s/mm2]")
        .Range(0.0, 2000.0);
    v.Field("mask_from", mask_from).Help("b-value that gives the diffusion stations' body mask");
    v.Field("apply_mask", apply_mask).Help("background of the result is 0");
    v.Field("write_adc", write_adc).Help("write ADC_um2_per_s.nii.gz where b-values allow it");
    v.Field("keep_intermediates", keep_intermediates)
        .Help("keep the stations after each step, so that --from can start there");
    v.Group("mask", mask);
    v.Group("adc", adc);
    v.Group("denoise", denoise);
    v.Group("bias", bias);
    v.Group("isis", isis);
    v.Group("register_stations", stations);
    v.Group("register_to_t1", to_t1);
    v.Group("nyul", nyul);
    v.Group("faults", faults);
  }
};

// Defaults of a preset; everything that it does not name is as PipelineOptions has it.
PipelineOptions PresetOptions(Preset preset);

}  // namespace sap::preprocess

template <>
struct sap::EnumNames<sap::preprocess::Step> {
  using Step = sap::preprocess::Step;
  static constexpr std::pair<Step, std::string_view> kNames[] = {
      {Step::kMask, "mask"},
      {Step::kAdc, "adc"},
      {Step::kDenoise, "denoise"},
      {Step::kBias, "bias"},
      {Step::kIsis, "isis"},
      {Step::kRegisterStations, "register_stations"},
      {Step::kRegisterToT1, "register_to_t1"},
      {Step::kMerge, "merge"}};
};
template <>
struct sap::EnumNames<sap::preprocess::Preset> {
  static constexpr std::pair<sap::preprocess::Preset, std::string_view> kNames[] = {
      {sap::preprocess::Preset::kPaper, "paper"},
      {sap::preprocess::Preset::kAuthorMain, "author-main"}};
};
template <>
struct sap::EnumNames<sap::preprocess::MaskFrom> {
  static constexpr std::pair<sap::preprocess::MaskFrom, std::string_view> kNames[] = {
      {sap::preprocess::MaskFrom::kLowestB, "lowest_b"},
      {sap::preprocess::MaskFrom::kHighestB, "highest_b"}};
};
