// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/axes.h"
#include "sap/core/enum_names.h"
#include "sap/phantom/atlas.h"
#include "sap/phantom/cohort_writer.h"

namespace sap::phantom {

enum class StationFormat { kNone, kNifti, kDicom };
// Where a DICOM slice says its b-value.
enum class Vendor { kStandard, kSiemens, kGe, kPhilips };
// What is special about the DICOM: nothing, one T1 slice is not there (a reader must refuse it),
// or one multi-frame file per series.
enum class DicomVariant { kPlain, kMissingSlice, kEnhanced };

// How the body is scanned in overlapping stations. Noise, bias and gain are those of
// SignalOptions, drawn anew for each station.
struct StationOptions {
  StationFormat format = StationFormat::kNone;
  int count = 4;
  double overlap_mm = 60.0;
  XyzDouble t1_spacing_mm = {2.5, 2.5, 4.0};
  XyzDouble dwi_spacing_mm = {4.0, 4.0, 6.0};
  std::vector<double> b_s_per_mm2 = {0, 50, 150, 1000};
  double shift_mm = 4.0;
  double t1_shift_mm = 1.0;
  double oblique_deg = 4.0;
  std::optional<Vendor> vendor;
  DicomVariant variant = DicomVariant::kPlain;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("stations", format)
        .Help(
            "write what a scanner delivers instead of finished cases: input/<case>, truth/<case>");
    v.Field("station.count", count).Help("stations from head to mid-thigh").Range(1, 12);
    v.Field("station.overlap", overlap_mm)
        .Help("shared length of neighbours [mm]")
        .Range(0.0, 200.0);
    v.Field("station.t1_spacing", t1_spacing_mm)
        .Help("coronal: in-plane twice, slices [mm]")
        .Range(0.5, 20.0);
    v.Field("station.dwi_spacing", dwi_spacing_mm)
        .Help("axial: in-plane twice, slices [mm]")
        .Range(0.5, 20.0);
    v.Field("station.b", b_s_per_mm2).Help("b-values [s/mm2]").Range(0.0, 5000.0);
    v.Field("station.shift", shift_mm)
        .Help("largest movement of a diffusion station, per axis [mm]")
        .Range(0.0, 30.0);
    v.Field("station.t1_shift", t1_shift_mm)
        .Help("largest movement of a T1 station, per axis [mm]")
        .Range(0.0, 30.0);
    v.Field("station.oblique", oblique_deg)
        .Help("tilt of all slices about the left-right axis [degrees]")
        .Range(-30.0, 30.0);
    v.Field("station.vendor", vendor).Help("of the DICOM; null = all four in turn, case by case");
    v.Field("station.variant", variant).Help("of the DICOM");
  }
};

// Writes <output_dir>/input/<case>/ (NIfTI or DICOM stations, as sap-preprocess reads them) and
// <output_dir>/truth/<case>/ (T1, b1000, ADC_um2_per_s, skeleton, body[, GT] without noise, shift
// and gain; stations.json with what was done to each station). Same options: same voxels. Cases
// whose truth is complete are left alone. Returns the number of cases written now.
int WriteStationCohort(const PhantomOptions& options,
                       const StationOptions& stations,
                       const Atlas& atlas,
                       const std::function<void(const std::string& case_id)>& on_case);

}  // namespace sap::phantom

template <>
struct sap::EnumNames<sap::phantom::StationFormat> {
  using Format = sap::phantom::StationFormat;
  static constexpr std::pair<Format, std::string_view> kNames[] = {
      {Format::kNone, "none"}, {Format::kNifti, "nifti"}, {Format::kDicom, "dicom"}};
};
template <>
struct sap::EnumNames<sap::phantom::Vendor> {
  using Vendor = sap::phantom::Vendor;
  static constexpr std::pair<Vendor, std::string_view> kNames[] = {{Vendor::kStandard, "standard"},
                                                                   {Vendor::kSiemens, "siemens"},
                                                                   {Vendor::kGe, "ge"},
                                                                   {Vendor::kPhilips, "philips"}};
};
template <>
struct sap::EnumNames<sap::phantom::DicomVariant> {
  using Variant = sap::phantom::DicomVariant;
  static constexpr std::pair<Variant, std::string_view> kNames[] = {
      {Variant::kPlain, "plain"},
      {Variant::kMissingSlice, "missing_slice"},
      {Variant::kEnhanced, "enhanced"}};
};
