// SPDX-License-Identifier: Apache-2.0
// The rules of matching and of what is counted, which the paper leaves open (evaluation §1.1-1.4,
// §1.8).
#pragma once

#include <cstdint>
#include <vector>

#include "sap/core/enum_names.h"

namespace sap::eval {

// What a reference lesion is: a connected component of the mask, or a value of its label map.
enum class GtInstances { kComponents, kFile };
// Large lesions' false positives: candidates of at least large_ml that touch no reference lesion
// of any size, or none of at least large_ml (§1.4).
enum class LargeFalsePositive { kAnyLesion, kLargeLesion };
// Which candidates detect a large lesion: all, or those of at least large_ml alone.
enum class LargeCandidate { kAny, kSameVolume };

// When a candidate detects a lesion (§1.2); every limit is inclusive. kIou and kDice give each
// lesion at most one candidate and the reverse: as many pairs as possible, then the largest sum.
enum class Matching { kAnyOverlap, kMinOverlap, kIou, kDice, kCentre, kDilated };
// A candidate on a lesion that another one detects. Under a one-to-one rule: one that overlaps it
// enough but was not assigned; else one that is the best (of most overlap) of no lesion.
enum class ExtraHit { kIgnored, kFalsePositive };
// What a detected lesion is compared with: all candidates matched to it, that of most overlap, its
// Voronoi part of them (each voxel goes to the nearest lesion that its candidate is matched to),
// or, for all lesions of a match group together, all candidates of the group.
enum class LesionPair { kUnion, kBest, kVoronoi, kGroup };
// A candidate's score, by which curves rank it: of the probabilities of its voxels, the largest,
// the mean, or the 95th percentile.
enum class CandidateScore { kMax, kMean, kP95 };
// Which surfaces the tables' NSD compares: surface elements by area, or border voxels.
enum class NsdSurface { kSurfel, kBorder };

// Ratios where the paper leaves the count or the value open (§1.2, §1.3).
enum class TpCount { kReference, kCandidate };
enum class EmptyPrediction { kZero, kNaN };
enum class EmptyReference { kNaN, kZero };
enum class BothEmpty { kNaN, kOne };

struct RatioOptions {
  TpCount tp_count = TpCount::kReference;
  EmptyPrediction empty_prediction = EmptyPrediction::kZero;
  EmptyReference empty_reference = EmptyReference::kNaN;
  BothEmpty both_empty = BothEmpty::kNaN;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("tp_count", tp_count)
        .Help("true positives of precision and F2: detected lesions, or matched candidates");
    v.Field("empty_prediction", empty_prediction)
        .Help("precision of an exam with lesions and no candidate");
    v.Field("empty_reference", empty_reference)
        .Help("F2 of an exam without lesions that has candidates");
    v.Field("both_empty", both_empty)
        .Help("F2 and global Dice of an exam with neither lesions nor candidates");
  }
};

struct MatchOptions {
  GtInstances gt_instances = GtInstances::kComponents;
  Matching matching = Matching::kAnyOverlap;
  double min_overlap_frac = 0.1;
  int64_t min_overlap_vox = 1;
  int64_t dilate_gt_vox = 1;
  ExtraHit extra_hit = ExtraHit::kIgnored;
  LesionPair lesion_pair = LesionPair::kUnion;
  std::vector<double> nsd_tolerances_mm = {1.0, 2.0, 3.0};
  NsdSurface nsd = NsdSurface::kSurfel;
  int connectivity = 6;
  double min_candidate_ml = 0.0;
  double min_gt_ml = 0.0;
  double large_ml = 1.0;
  LargeFalsePositive large_fp = LargeFalsePositive::kAnyLesion;
  LargeCandidate large_candidate = LargeCandidate::kAny;
  CandidateScore candidate_score = CandidateScore::kMax;
  RatioOptions ratios;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("gt_instances", gt_instances)
        .Help("reference lesions: components of the mask, or values of a label map");
    v.Field("matching", matching)
        .Help("when a candidate detects a lesion; iou and dice pair them one to one");
    v.Field("min_overlap_frac", min_overlap_frac)
        .Help("smallest IoU or Dice of those two rules")
        .Range(1e-6, 1.0);
    v.Field("min_overlap_vox", min_overlap_vox)
        .Help("smallest overlap of the rule min_overlap [voxels]")
        .AtLeast(1);
    v.Field("dilate_gt_vox", dilate_gt_vox)
        .Help("18-neighbour steps by which the rule dilated_gt grows a lesion")
        .Range(0, 20);
    v.Field("extra_hit", extra_hit).Help("what a second candidate on a detected lesion is");
    v.Field("lesion_pair", lesion_pair).Help("what a detected lesion's Dice and NSD compare with");
    v.Field("nsd_tolerances_mm", nsd_tolerances_mm)
        .Help("NSD of detected lesions counts surface within these distances [mm]");
    v.Field("nsd", nsd).Help("surfaces of the tables' NSD: elements by area, or border voxels");
    v.Field("connectivity", connectivity)
        .Help("neighbours that join voxels to one lesion (the paper's code: 6; the field: 26)")
        .Rule("6, 18 or 26", [](int c) { return c == 6 || c == 18 || c == 26; });
    v.Field("min_candidate_ml", min_candidate_ml)
        .Help("smaller candidates are dropped [mL]")
        .AtLeast(0);
    v.Field("min_gt_ml", min_gt_ml)
        .Help("smaller reference lesions become ignore regions [mL]")
        .AtLeast(0);
    v.Field("large_ml", large_ml).Help("a lesion of this volume or more is large [mL]").AtLeast(0);
    v.Field("large_fp", large_fp).Help("what a large false positive must not touch");
    v.Field("large_candidate", large_candidate)
        .Help("candidates that may detect a large lesion: all, or those of its volume class");
    v.Field("candidate_score", candidate_score)
        .Help("which of its voxels' probabilities ranks a candidate (froc: candidate)");
    ratios.Describe(v);
  }
};

}  // namespace sap::eval

template <>
struct sap::EnumNames<sap::eval::GtInstances> {
  static constexpr std::pair<sap::eval::GtInstances, std::string_view> kNames[] = {
      {sap::eval::GtInstances::kComponents, "cc"}, {sap::eval::GtInstances::kFile, "file"}};
};
template <>
struct sap::EnumNames<sap::eval::LargeFalsePositive> {
  static constexpr std::pair<sap::eval::LargeFalsePositive, std::string_view> kNames[] = {
      {sap::eval::LargeFalsePositive::kAnyLesion, "any_gt"},
      {sap::eval::LargeFalsePositive::kLargeLesion, "large_gt"}};
};
template <>
struct sap::EnumNames<sap::eval::LargeCandidate> {
  static constexpr std::pair<sap::eval::LargeCandidate, std::string_view> kNames[] = {
      {sap::eval::LargeCandidate::kAny, "none"},
      {sap::eval::LargeCandidate::kSameVolume, "same_volume"}};
};
template <>
struct sap::EnumNames<sap::eval::Matching> {
  static constexpr std::pair<sap::eval::Matching, std::string_view> kNames[] = {
      {sap::eval::Matching::kAnyOverlap, "any_overlap"},
      {sap::eval::Matching::kMinOverlap, "min_overlap"},
      {sap::eval::Matching::kIou, "iou"},
      {sap::eval::Matching::kDice, "dice"},
      {sap::eval::Matching::kCentre, "centre_in_mask"},
      {sap::eval::Matching::kDilated, "dilated_gt"}};
};
template <>
struct sap::EnumNames<sap::eval::ExtraHit> {
  static constexpr std::pair<sap::eval::ExtraHit, std::string_view> kNames[] = {
      {sap::eval::ExtraHit::kIgnored, "ignored"},
      {sap::eval::ExtraHit::kFalsePositive, "false_positive"}};
};
template <>
struct sap::EnumNames<sap::eval::LesionPair> {
  static constexpr std::pair<sap::eval::LesionPair, std::string_view> kNames[] = {
      {sap::eval::LesionPair::kUnion, "union"},
      {sap::eval::LesionPair::kBest, "best"},
      {sap::eval::LesionPair::kVoronoi, "voronoi"},
      {sap::eval::LesionPair::kGroup, "group"}};
};
template <>
struct sap::EnumNames<sap::eval::CandidateScore> {
  static constexpr std::pair<sap::eval::CandidateScore, std::string_view> kNames[] = {
      {sap::eval::CandidateScore::kMax, "max"},
      {sap::eval::CandidateScore::kMean, "mean"},
      {sap::eval::CandidateScore::kP95, "p95"}};
};
template <>
struct sap::EnumNames<sap::eval::NsdSurface> {
  static constexpr std::pair<sap::eval::NsdSurface, std::string_view> kNames[] = {
      {sap::eval::NsdSurface::kSurfel, "surfel"}, {sap::eval::NsdSurface::kBorder, "border"}};
};
template <>
struct sap::EnumNames<sap::eval::TpCount> {
  static constexpr std::pair<sap::eval::TpCount, std::string_view> kNames[] = {
      {sap::eval::TpCount::kReference, "reference"}, {sap::eval::TpCount::kCandidate, "candidate"}};
};
template <>
struct sap::EnumNames<sap::eval::EmptyPrediction> {
  static constexpr std::pair<sap::eval::EmptyPrediction, std::string_view> kNames[] = {
      {sap::eval::EmptyPrediction::kZero, "zero"}, {sap::eval::EmptyPrediction::kNaN, "nan"}};
};
template <>
struct sap::EnumNames<sap::eval::EmptyReference> {
  static constexpr std::pair<sap::eval::EmptyReference, std::string_view> kNames[] = {
      {sap::eval::EmptyReference::kNaN, "nan"}, {sap::eval::EmptyReference::kZero, "zero"}};
};
template <>
struct sap::EnumNames<sap::eval::BothEmpty> {
  static constexpr std::pair<sap::eval::BothEmpty, std::string_view> kNames[] = {
      {sap::eval::BothEmpty::kNaN, "nan"}, {sap::eval::BothEmpty::kOne, "one"}};
};
