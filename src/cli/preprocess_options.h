// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "sap/core/options.h"
#include "sap/preprocess/pipeline_options.h"

namespace sap::cli {

struct PreprocessOptions {
  std::string input_dir;
  std::string output_dir;
  std::string case_names;
  std::string sequences;
  std::vector<std::string> cases;
  std::string part;
  int jobs = 1;
  std::optional<double> max_ram_gib;
  int min_slices = 3;
  bool philips_precise = true;
  double max_gap_mm = 50.0;
  std::optional<preprocess::Step> from;
  bool standardise = true;
  std::string scale_from;
  bool qc = true;
  double outlier = 5.0;
  preprocess::PipelineOptions pipeline;

  std::optional<int64_t> MaxRamBytes() const {
    if (!max_ram_gib) return std::nullopt;
    return static_cast<int64_t>(*max_ram_gib * (int64_t{1} << 30));
  }

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("input_dir", input_dir)
        .Help("<patient>/ folders of DICOM files, or of T1_1.nii.gz, DWI_1_b1000.nii.gz, ...");
    v.Field("output_dir", output_dir).Help("where <case>/ folders are written").Required();
    v.Field("case_names", case_names)
        .Help(
            "CSV with columns folder and case: outputs carry the study code, never the folder's "
            "name; empty = the folder's name is the case id");
    v.Field("sequences", sequences)
        .Help("table that names series, as configs/sequences.yaml; empty = the built-in one");
    v.Field("min_slices", min_slices)
        .Help("DICOM: shorter stacks are scouts and left out")
        .Range(1, 1000);
    v.Field("philips_precise", philips_precise)
        .Help("DICOM: undo Philips' display scaling where every slice of a sequence allows it");
    v.Field("max_gap", max_gap_mm)
        .Help(
            "a larger height between neighbouring stations is a missing station, and refused [mm]")
        .Range(0.0, 2000.0);
    v.Field("cases", cases).Help("only these case ids; [] = all");
    v.Field("part", part).Help("i/n: the i-th of n shares of the patients, 1-based; empty = all");
    v.Field("jobs", jobs).Help("cases made at the same time, on shared threads").Range(1, 64);
    v.Field("max_ram", max_ram_gib)
        .Help(
            "another case starts only while the estimates of those under way and its own fit "
            "[GiB]; null = no limit")
        .Range(0.1, 100000.0);
    v.Field("from", from)
        .Help("start at this one of the `steps`, from kept intermediates; null = from the start");
    v.Field("standardise", standardise)
        .Help("put the cohort on one intensity scale at the end (whole cohort only, not a part)");
    v.Field("scale_from", scale_from)
        .Help(
            "output_dir of an earlier run: its intensity scale is applied, to a part of the cohort "
            "as well; empty = a scale of this cohort's own");
    v.Field("qc", qc).Help("write qc.png into each case folder");
    v.Field("outlier", outlier)
        .Help("robust z-score from which the cohort table flags a figure")
        .Range(1.0, 100.0);
    pipeline.Describe(v);
  }
};

}  // namespace sap::cli
