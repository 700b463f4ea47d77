// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/evaluate_detail_options.h"
#include "sap/core/enum_names.h"
#include "sap/core/options.h"
#include "sap/eval/feature_study.h"
#include "sap/eval/lesion_match.h"
#include "sap/eval/report_compare.h"
#include "sap/eval/skeleton.h"
#include "sap/eval/threshold.h"

namespace sap::cli {

enum class EvaluateTask { kLesion, kSkeleton };
// Choices that the paper leaves open, set together: as the paper and its authors' code suggest, or
// as most of the field's programs do.
enum class EvaluatePreset { kPaper, kField };

}  // namespace sap::cli

template <>
struct sap::EnumNames<sap::cli::EvaluateTask> {
  static constexpr std::pair<sap::cli::EvaluateTask, std::string_view> kNames[] = {
      {sap::cli::EvaluateTask::kLesion, "lesion"}, {sap::cli::EvaluateTask::kSkeleton, "skeleton"}};
};
template <>
struct sap::EnumNames<sap::cli::EvaluatePreset> {
  static constexpr std::pair<sap::cli::EvaluatePreset, std::string_view> kNames[] = {
      {sap::cli::EvaluatePreset::kPaper, "paper"}, {sap::cli::EvaluatePreset::kField, "field"}};
};

namespace sap::cli {

struct EvaluateOptions {
  std::string reference_dir;
  std::string prediction_dir;
  std::vector<std::string> methods;
  std::map<std::string, std::string> features;
  std::string output_dir;
  EvaluateTask task = EvaluateTask::kLesion;
  EvaluatePreset preset = EvaluatePreset::kPaper;
  std::optional<std::string> reference_name;
  std::vector<std::string> cases;
  std::optional<double> threshold;
  std::vector<std::string> tuning_cases;
  std::optional<std::string> tuning_prediction_dir;
  eval::ThresholdObjective threshold_objective = eval::ThresholdObjective::kMean;
  eval::MatchOptions match;
  std::optional<eval::Matching> second_matching;
  eval::FrocOptions froc;
  eval::CompareOptions compare;
  DetailOptions details;
  eval::FeatureOptions feature_study;
  std::optional<std::string> published_values;
  bool sensitivity_analysis = false;
  std::optional<std::string> folds;
  bool figures = true;
  std::optional<std::string> image_dir;
  std::vector<std::string> image_names = {"T1", "b1000"};
  int64_t gallery_lesions = 3;
  std::optional<std::string> gallery_method;
  eval::AbsentClass absent_class = eval::AbsentClass::kZero;
  bool skeleton_majority_vote = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("reference_dir", reference_dir)
        .Help("case folders with the reference label map, or NIfTI files named by case");
    v.Field("prediction_dir", prediction_dir)
        .Help("case folders as sap-predict writes them, or NIfTI files named by case");
    v.Field("methods", methods)
        .Help("several methods on the same cases, each name=folder, instead of prediction_dir");
    v.Field("features", features)
        .Help(
            "folders with features.safetensors and features.csv by method, features.NAME=folder; "
            "compared without any prediction");
    v.Field("output_dir", output_dir).Help("where tables and summary.json are written").Required();
    v.Field("task", task).Help("lesion detection and overlap, or Dice per bone region");
    v.Field("preset", preset)
        .Help("sets the open choices together; a key that is given goes before it");
    v.Field("reference_name", reference_name)
        .Help("file stem of the reference in a case folder; null = GT, or skeleton for that task");
    v.Field("cases", cases).Help("only these cases; [] = every case of prediction_dir");
    v.Field("threshold", threshold)
        .Help("p >= threshold is lesion; null = chosen on tuning_cases, 0.5 without them")
        .Range(1e-6, 1.0);
    v.Field("tuning_cases", tuning_cases)
        .Help("cases that choose the threshold and are left out of the evaluation");
    v.Field("tuning_prediction_dir", tuning_prediction_dir)
        .Help(
            "their predictions by a model that did not train on them, with several methods in "
            "one folder per method; null = prediction_dir");
    v.Field("threshold_objective", threshold_objective)
        .Help("F2 of the tuning patients that the threshold makes largest");
    match.Describe(v);
    v.Field("second_matching", second_matching)
        .Help("Table 1 once more, matched by this rule; null = no second table");
    froc.Describe(v);
    compare.Describe(v);
    details.Describe(v);
    feature_study.Describe(v);
    v.Field("published_values", published_values)
        .Help("published_values.yaml to compare with methods of the same names; null = none");
    v.Field("sensitivity_analysis", sensitivity_analysis)
        .Help("how every headline number moves when one open choice is made otherwise");
    v.Field("folds", folds)
        .Help(
            "split that the models were trained with (sap-split, nnU-Net's list, or CSV "
            "case,fold): means over folds beside those over patients; null = none");
    v.Field("figures", figures).Help("draw figures (gnuplot) and put them into report.html");
    v.Field("image_dir", image_dir)
        .Help("case folders with images for the pictures of lesions; null = reference_dir");
    v.Field("image_names", image_names)
        .Help("file stems of those images; without any the probability map is shown");
    v.Field("gallery_lesions", gallery_lesions)
        .Help(
            "pictures of this many largest misses and false positives; 0 = no pictures of lesions")
        .Range(0, 50);
    v.Field("gallery_method", gallery_method)
        .Help("the method that chooses the lesions shown; null = sap, or else the last");
    v.Field("absent_class", absent_class)
        .Help("Dice of a region that only the prediction has: 0, or left out");
    v.Field("skeleton_majority_vote", skeleton_majority_vote)
        .Help("give each predicted component its most frequent label first");
  }
};

}  // namespace sap::cli
