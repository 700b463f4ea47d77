// SPDX-License-Identifier: Apache-2.0
#include "cli/evaluate_details.h"

#include <algorithm>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "sap/core/error.h"
#include "sap/core/files.h"
#include "sap/data/labels.h"
#include "sap/eval/agreement.h"
#include "sap/image/volume_io.h"

namespace sap::cli {
namespace {

template <typename Item>
std::vector<Component> ComponentsOf(const std::vector<Item>& items) {
  std::vector<Component> components;
  for (const Item& item : items) components.push_back(item.component);
  return components;
}

Tensor LoadProbability(const CasePair& pair) {
  const Tensor data_XYZ = ReadVolume(pair.prediction).data();
  return pair.is_probability ? data_XYZ : (data_XYZ > 0).to(at::kFloat);
}

}  // namespace

MethodDetails::MethodDetails(const EvaluateOptions& options,
                             std::string method,
                             const DetailFilesOfCases& files,
                             double threshold)
    : options_(options.details),
      method_(std::move(method)),
      files_(files),
      threshold_(threshold),
      calibration_{.method = method_,
                   .voxels = eval::Reliability(options_.calibration.bins),
                   .candidates = eval::Reliability(options_.calibration.bins)} {}

void MethodDetails::Visit(const eval::CaseInput& input,
                          const eval::LabelledCase& maps,
                          eval::CaseLesions& result) {
  const DetailFiles& files = files_.at(input.id);
  const std::vector<Component> lesions = ComponentsOf(result.match.lesions);
  const std::vector<Component> candidates = ComponentsOf(result.match.candidates);
  const auto measure = [&](const Tensor& labels_XYZ, const std::vector<Component>& components) {
    std::vector<eval::LesionDetails> details(components.size());
    for (std::size_t i = 0; i < components.size(); ++i) {
      details[i].shape =
          eval::MeasureShape(labels_XYZ, components[i], input.spacing_mm, files.axial_axis);
    }
    return details;
  };
  result.lesion_details = measure(maps.reference.labels_XYZ, lesions);
  result.candidate_details = measure(maps.predicted.labels_XYZ, candidates);
  if (files.regions) AddRegions(files, input, maps, result);
  if (files.adc) {
    const Tensor adc_XYZ = ReadVolume(*files.adc).data();
    const auto add = [&](const Tensor& labels_XYZ,
                         const std::vector<Component>& components,
                         std::vector<eval::LesionDetails>& details) {
      const auto means = eval::MeanPositiveInside(labels_XYZ, components, adc_XYZ);
      for (std::size_t i = 0; i < means.size(); ++i) details[i].adc_um2_per_s = means[i];
    };
    add(maps.reference.labels_XYZ, lesions, result.lesion_details);
    add(maps.predicted.labels_XYZ, candidates, result.candidate_details);
  }
  if (!files.members.empty()) {
    std::vector<std::vector<double>> scores;  // one member's map in memory at a time
    for (const CasePair& member : files.members) {
      scores.push_back(
          eval::LargestInside(maps.predicted.labels_XYZ, candidates, LoadProbability(member)));
    }
    eval::SetAgreement(scores, threshold_, result.candidate_details);
  }
  Calibrate(files, input, result.match);
  KeepTimePoints(input, maps, result.match);
}

void MethodDetails::AddRegions(const DetailFiles& files,
                               const eval::CaseInput& input,
                               const eval::LabelledCase& maps,
                               eval::CaseLesions& result) const {
  const data::LabelTable bones = data::MakeLabelTable({.scheme = data::LabelScheme::kSkeleton});
  const Tensor labels_XYZ = ReadLabels(*files.regions).data();
  const auto largest = labels_XYZ.max().item<int64_t>();
  SAP_REQUIRE(ErrorKind::kInput,
              largest < bones.NumClasses(),
              "{}: {} holds label {}; bone regions are 1 to {}: map its labels to them, or name "
              "another file in region_name (\"\" = none)",
              input.id,
              files.regions->filename().string(),
              largest,
              bones.NumClasses() - 1);
  const Tensor regions_XYZ = labels_XYZ.to(at::kByte);
  const auto name = [&](const Tensor& components_XYZ,
                        const std::vector<Component>& components,
                        std::vector<eval::LesionDetails>& details) {
    const std::vector<int> regions = eval::RegionsOf(
        components_XYZ, components, regions_XYZ, input.spacing_mm, options_.regions);
    for (std::size_t i = 0; i < regions.size(); ++i) {
      details[i].region = regions[i] == 0
                              ? eval::kOffSkeleton
                              : bones.classes[static_cast<std::size_t>(regions[i] - 1)].name;
    }
  };
  name(maps.reference.labels_XYZ, ComponentsOf(result.match.lesions), result.lesion_details);
  name(maps.predicted.labels_XYZ, ComponentsOf(result.match.candidates), result.candidate_details);
  result.has_regions = true;
}

void MethodDetails::Calibrate(const DetailFiles& files,
                              const eval::CaseInput& input,
                              const eval::MatchResult& match) {
  if (!files.is_probability) return;  // labels claim no probability
  Tensor counted_XYZ;
  if (files.counted) counted_XYZ = ReadLabels(*files.counted).data();
  ++(files.counted ? calibration_.exams_in_region : calibration_.exams_whole);
  eval::AddVoxels(input.probability_XYZ, input.reference_XYZ, counted_XYZ, calibration_.voxels);
  eval::AddCandidates(match, calibration_.candidates);
}

void MethodDetails::KeepTimePoints(const eval::CaseInput& input,
                                   const eval::LabelledCase& maps,
                                   const eval::MatchResult& match) {
  const auto& pairs = options_.follow_up;
  const bool followed = std::any_of(pairs.begin(), pairs.end(), [&](const auto& pair) {
    return pair.first == input.id || pair.second == input.id;
  });
  if (!followed) return;
  std::vector<Component> lesions;
  std::vector<int64_t> numbers;
  for (const eval::ReferenceLesion& lesion : match.lesions) {
    if (lesion.ignored) continue;
    lesions.push_back(lesion.component);
    numbers.push_back(lesion.component.label);
  }
  time_points_[{eval::FindingSource::kReference, input.id}] =
      eval::TimePointOf(maps.reference.labels_XYZ, lesions, numbers, input.spacing_mm);
  numbers.clear();
  for (int64_t c = 1; c <= std::ssize(match.candidates); ++c) numbers.push_back(c);
  time_points_[{eval::FindingSource::kPrediction, input.id}] = eval::TimePointOf(
      maps.predicted.labels_XYZ, ComponentsOf(match.candidates), numbers, input.spacing_mm);
}

std::vector<eval::FollowUp> MethodDetails::FollowUps(eval::FindingSource source) const {
  std::vector<eval::FollowUp> patients;
  for (const auto& [later, earlier] : options_.follow_up) {
    patients.push_back({.source = source,
                        .method = source == eval::FindingSource::kReference ? "" : method_,
                        .before_id = earlier,
                        .after_id = later,
                        .lesions = eval::CompareTimePoints(time_points_.at({source, earlier}),
                                                           time_points_.at({source, later}),
                                                           options_.changes)});
  }
  return patients;
}

}  // namespace sap::cli
