// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/register_to_t1.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>
#include <fmt/format.h>
#include <itkEuler3DTransform.h>
#include <itkImageMaskSpatialObject.h>
#include <itkImageRegistrationMethodv4.h>
#include <itkMattesMutualInformationImageToImageMetricv4.h>
#include <itkRegistrationParameterScalesFromPhysicalShift.h>
#include <itkRegularStepGradientDescentOptimizerv4.h>

#include "preprocess/itk_bridge.h"

namespace sap::preprocess {
namespace {

// Found by trial: with every voxel of the coarse levels the search ended early, a slice turned by
// 10 degrees at 8.3. With a fifth it reaches 10.
constexpr double kMostSampledFrac = 0.2;

using Euler = itk::Euler3DTransform<double>;
using Metric = itk::MattesMutualInformationImageToImageMetricv4<ItkImage, ItkImage>;
using Optimizer = itk::RegularStepGradientDescentOptimizerv4<double>;
using Scales = itk::RegistrationParameterScalesFromPhysicalShift<Metric>;
using Method = itk::ImageRegistrationMethodv4<ItkImage, ItkImage, Euler>;

XyzDouble BodyCentreMm(const Volume& t1, const Tensor& mask_XYZ) {
  const Tensor mean = mask_XYZ.nonzero().to(at::kDouble).mean(0);
  return t1.geometry().LpsFromVox(
      {mean[0].item<double>(), mean[1].item<double>(), mean[2].item<double>()});
}

Metric::Pointer MakeMetric(const Volume& t1, const Tensor& mask_XYZ, int bins) {
  auto metric = Metric::New();
  metric->SetNumberOfHistogramBins(static_cast<itk::SizeValueType>(bins));
  auto body = itk::ImageMaskSpatialObject<3>::New();
  body->SetImage(MaskToItk(t1.WithData(mask_XYZ.to(at::kByte))));
  body->Update();
  metric->SetFixedImageMask(body);
  return metric;
}

Optimizer::Pointer MakeOptimizer(const Metric::Pointer& metric, int iterations) {
  auto scales = Scales::New();
  scales->SetMetric(metric);
  auto optimizer = Optimizer::New();
  optimizer->SetScalesEstimator(scales);
  optimizer->SetDoEstimateLearningRateOnce(false);
  optimizer->SetDoEstimateLearningRateAtEachIteration(false);
  optimizer->SetLearningRate(2.0);
  optimizer->SetMinimumStepLength(1e-3);
  optimizer->SetRelaxationFactor(0.6);
  optimizer->SetNumberOfIterations(static_cast<itk::SizeValueType>(iterations));
  optimizer->SetGradientMagnitudeTolerance(1e-8);
  return optimizer;
}

// Threads add the metric's sums in any order, which moves the optimum by some 1e-9. Parameters
// rounded to 1e-5 rad and 1e-3 mm, far below the accuracy, make a run repeat bit by bit.
void RoundParameters(Euler& transform) {
  Euler::ParametersType parameters = transform.GetParameters();
  for (unsigned i = 0; i < 6; ++i) {
    const double per_unit = i < 3 ? 1e5 : 1e3;
    parameters[i] = std::round(parameters[i] * per_unit) / per_unit;
  }
  transform.SetParameters(parameters);
}

RigidMap FromEuler(const Euler& transform) {
  RigidMap map;
  for (unsigned r = 0; r < 3; ++r) {
    for (unsigned c = 0; c < 3; ++c) map.rotation[r][c] = transform.GetMatrix()[r][c];
    map.offset_mm[r] = transform.GetOffset()[r];
  }
  return map;
}

RigidMap Optimise(const Volume& t1,
                  const Tensor& mask_XYZ,
                  const Volume& dwi,
                  const XyzDouble& centre_mm,
                  const T1RegistrationOptions& options) {
  LimitItkThreads();
  auto start = Euler::New();
  Euler::InputPointType centre;
  for (unsigned a = 0; a < 3; ++a) centre[a] = centre_mm[a];
  start->SetCenter(centre);
  const Metric::Pointer metric = MakeMetric(t1, mask_XYZ, options.bins);
  auto method = Method::New();
  method->SetFixedImage(ToItk(t1));
  method->SetMovingImage(ToItk(dwi));
  method->SetMetric(metric);
  method->SetOptimizer(MakeOptimizer(metric, options.iterations));
  method->SetInitialTransform(start);
  method->InPlaceOn();
  method->SetNumberOfLevels(3);
  Method::ShrinkFactorsArrayType shrink(3);
  Method::SmoothingSigmasArrayType sigma_mm(3);
  for (unsigned level = 0; level < 3; ++level) {
    shrink[level] = 1U << (2 - level);
    sigma_mm[level] = level < 2 ? options.estimate_mm * (2.0 - level) : 0.0;
  }
  method->SetShrinkFactorsPerLevel(shrink);
  method->SetSmoothingSigmasPerLevel(sigma_mm);
  method->SmoothingSigmasAreSpecifiedInPhysicalUnitsOn();
  method->SetMetricSamplingStrategy(Method::MetricSamplingStrategyEnum::REGULAR);
  Method::MetricSamplingPercentageArrayType sampled_frac(3);
  for (unsigned level = 0; level < 3; ++level) {
    const double num_vox =
        static_cast<double>(t1.geometry().NumVoxels()) / std::pow(shrink[level], 3);
    sampled_frac[level] = std::min(kMostSampledFrac, options.samples / num_vox);
  }
  method->SetMetricSamplingPercentagePerLevel(sampled_frac);
  method->MetricSamplingReinitializeSeed(1);
  method->Update();
  auto result = Euler::New();
  result->SetFixedParameters(method->GetTransform()->GetFixedParameters());
  result->SetParameters(method->GetTransform()->GetParameters());
  RoundParameters(*result);
  return FromEuler(*result);
}

double Length(const XyzDouble& v) {
  return std::hypot(v.x, v.y, v.z);
}

}  // namespace

T1Registration RegisterToT1(const Volume& t1,
                            const Tensor& t1_mask_XYZ,
                            const Volume& dwi,
                            const T1RegistrationOptions& options) {
  T1Registration result;
  result.information_before = MutualInformation(t1, t1_mask_XYZ, dwi, {}, options.bins);
  result.information_after = result.information_before;
  const XyzDouble centre_mm = BodyCentreMm(t1, t1_mask_XYZ);
  RigidMap found;
  try {
    found = Optimise(t1, t1_mask_XYZ, dwi, centre_mm, options);
  } catch (const itk::ExceptionObject&) {
    // Too few samples fall inside both images: there is nothing to register, identity stays.
    result.notice = "register_to_t1: T1 and diffusion overlap too little; identity kept";
    return result;
  }
  const double information = MutualInformation(t1, t1_mask_XYZ, dwi, found, options.bins);
  const XyzDouble moved_mm = found.Apply(centre_mm);
  const XyzDouble shift_mm = {
      moved_mm.x - centre_mm.x, moved_mm.y - centre_mm.y, moved_mm.z - centre_mm.z};
  if (Length(shift_mm) > options.max_shift_mm || found.AngleDeg() > options.max_angle_deg) {
    result.notice = fmt::format(
        "register_to_t1: {:.1f} mm and {:.1f} degrees are beyond max_shift and max_angle; identity "
        "kept",
        Length(shift_mm),
        found.AngleDeg());
    return result;
  }
  if (!(information > result.information_before)) {
    result.notice = "register_to_t1: no better than identity, which is kept";
    return result;
  }
  result.dwi_from_t1 = found;
  result.shift_mm = shift_mm;
  result.angle_deg = found.AngleDeg();
  result.information_after = information;
  return result;
}

}  // namespace sap::preprocess
