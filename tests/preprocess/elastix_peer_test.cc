// SPDX-License-Identifier: Apache-2.0
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <sstream>

#include <gtest/gtest.h>

#include "preprocess/rigid_motions.h"
#include "sap/core/files.h"
#include "sap/image/volume_io.h"
#include "sap/preprocess/register_stations.h"
#include "support/shared_folder.h"

// Both registrations beside the program elastix with the values of the authors' parameter files
// (preprocessing §1.6).
namespace sap::preprocess {
namespace {

double Seconds(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct ElastixRun {
  std::vector<double> parameters;
  std::vector<double> centre_mm;
  double seconds = 0;
};

std::vector<double> NumbersAfter(const std::string& text, const std::string& key) {
  const std::size_t at = text.find("(" + key + " ");
  std::vector<double> numbers;
  if (at == std::string::npos) return numbers;
  std::istringstream line(text.substr(at + key.size() + 2));
  for (double value = 0; line >> value;) numbers.push_back(value);
  return numbers;
}

constexpr const char* kCommonParameters = R"(
(FixedInternalImagePixelType "float")
(MovingInternalImagePixelType "float")
(Registration "MultiResolutionRegistration")
(FixedImagePyramid "FixedSmoothingImagePyramid")
(MovingImagePyramid "MovingSmoothingImagePyramid")
(Interpolator "LinearInterpolator")
(Metric "AdvancedMattesMutualInformation")
(NumberOfHistogramBins 32)
(Optimizer "AdaptiveStochasticGradientDescent")
(MaximumNumberOfIterations 2000)
(MaximumStepLength 1.0)
(NumberOfSpatialSamples 2048)
(NewSamplesEveryIteration "true")
(RequiredRatioOfValidSamples 0.1)
(ResampleInterpolator "FinalBSplineInterpolator")
(Resampler "DefaultResampler")
(AutomaticTransformInitialization "false")
(AutomaticScalesEstimation "true")
(WriteResultImage "false")
)";

ElastixRun RunElastix(const Volume& fixed,
                      const Tensor& mask_XYZ,
                      const Volume& moving,
                      const std::string& parameters) {
  const fs::path folder = testing::FreshFolder();
  WriteVolume(folder / "fixed.nii", fixed);
  WriteVolume(folder / "mask.nii", fixed.WithData(mask_XYZ.to(at::kByte)));
  WriteVolume(folder / "moving.nii", moving);
  WriteFileAtomically(folder / "parameters.txt", kCommonParameters + parameters);
  const auto begin = std::chrono::steady_clock::now();
  const std::string command = "cd " + folder.string() +
                              " && elastix -f fixed.nii -m moving.nii -fMask mask.nii -out . "
                              "-p parameters.txt > elastix.out 2>&1";
  EXPECT_EQ(std::system(command.c_str()), 0) << ReadFile(folder / "elastix.out");
  ElastixRun run{.seconds = Seconds(begin)};
  const std::string text = ReadFile(folder / "TransformParameters.0.txt");
  run.parameters = NumbersAfter(text, "TransformParameters");
  run.centre_mm = NumbersAfter(text, "CenterOfRotationPoint");
  return run;
}

// ITK's Euler angles: rotation = Z(c) X(a) Y(b) about a centre, then a translation.
RigidMap FromElastix(const ElastixRun& run) {
  const double ca = std::cos(run.parameters[0]), sa = std::sin(run.parameters[0]);
  const double cb = std::cos(run.parameters[1]), sb = std::sin(run.parameters[1]);
  const double cc = std::cos(run.parameters[2]), sc = std::sin(run.parameters[2]);
  RigidMap map;
  map.rotation = {{{cc * cb - sc * sa * sb, -sc * ca, cc * sb + sc * sa * cb},
                   {sc * cb + cc * sa * sb, cc * ca, sc * sb - cc * sa * cb},
                   {-ca * sb, sa, ca * cb}}};
  const XyzDouble centre_mm = {run.centre_mm[0], run.centre_mm[1], run.centre_mm[2]};
  const XyzDouble turned = map.Apply(centre_mm);
  for (std::size_t a = 0; a < 3; ++a) {
    map.offset_mm[a] = centre_mm[a] + run.parameters[3 + a] - turned[a];
  }
  return map;
}

#define SAP_REQUIRE_ELASTIX() \
  if (std::system("elastix --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no elastix here"

TEST(ElastixPeer, FindsTheSameRigidMotion) {
  SAP_REQUIRE_ELASTIX();
  const Volume t1 = testing::SamplePhantom(
      kWholeBody, testing::PhantomT1, {.noise_sd = 15, .points_per_axis = 2});
  const Tensor mask_XYZ = testing::PhantomMaskXYZ(kWholeBody);
  const RigidMap truth = MakeMap(2, 1, {5, -4, 8});
  const Volume dwi = MovedDwi(truth, 1, 2);
  const auto begin = std::chrono::steady_clock::now();
  const T1Registration ours = RegisterToT1(t1, mask_XYZ, dwi);
  const double our_s = Seconds(begin);
  const ElastixRun run = RunElastix(t1, mask_XYZ, dwi, R"(
(Transform "EulerTransform")
(HowToCombineTransforms "Compose")
(NumberOfResolutions 2)
(ImagePyramidSchedule 2 2 1 1 1 1)
(ImageSampler "RandomCoordinate")
)");
  ASSERT_EQ(run.parameters.size(), 6U);
  const RigidMap theirs = FromElastix(run);
  std::printf(
      "rigid, error: sap %.3f mm, elastix %.3f mm; between them %.3f mm; %.2f s, "
      "elastix %.2f s: %.1fx\n",
      MeanErrorMm(ours.dwi_from_t1, truth),
      MeanErrorMm(theirs, truth),
      MeanErrorMm(ours.dwi_from_t1, theirs),
      our_s,
      run.seconds,
      run.seconds / our_s);
  EXPECT_LE(MeanErrorMm(ours.dwi_from_t1, theirs), 0.5);
}

TEST(ElastixPeer, FindsTheSameShiftOfAStation) {
  SAP_REQUIRE_ELASTIX();
  const XyzDouble truth = {4.3, -3.1, 5.0};
  const auto grids = testing::StationGrids(2, {120, 84, 30}, {3.5, 3.5, 6}, 20);
  const auto b1000 = [](const XyzDouble& p) { return testing::PhantomDwi(p, 1000); };
  const std::vector<Volume> images = {
      testing::SamplePhantom(grids[0], b1000, {.noise_sd = 6, .seed = 3, .points_per_axis = 2}),
      testing::SamplePhantom(
          grids[1], b1000, {.shift_mm = truth, .noise_sd = 6, .seed = 4, .points_per_axis = 2})};
  const std::vector<Tensor> masks_XYZ = {testing::PhantomMaskXYZ(grids[0]),
                                         testing::PhantomMaskXYZ(grids[1], truth)};
  const auto begin = std::chrono::steady_clock::now();
  const XyzDouble ours = RegisterStations(images, masks_XYZ).shift_mm[1];
  const double our_s = Seconds(begin);
  Tensor overlap_XYZ = masks_XYZ[0].clone();
  overlap_XYZ.slice(2, 0, 10).zero_();
  const ElastixRun run = RunElastix(images[0], overlap_XYZ, images[1], R"(
(Transform "TranslationTransform")
(NumberOfResolutions 3)
(ImagePyramidSchedule 4 4 1 2 2 1 1 1 1)
(ImageSampler "RandomSparseMask")
)");
  ASSERT_EQ(run.parameters.size(), 3U);
  // elastix maps fixed points to moving ones; a station's shift is the way back.
  const XyzDouble theirs = {-run.parameters[0], -run.parameters[1], -run.parameters[2]};
  std::printf(
      "station: sap %.2f %.2f %.2f, elastix %.2f %.2f %.2f; %.2f s, elastix %.2f s: %.1fx\n",
      ours.x,
      ours.y,
      ours.z,
      theirs.x,
      theirs.y,
      theirs.z,
      our_s,
      run.seconds,
      run.seconds / our_s);
  EXPECT_LE(std::hypot(ours.x - theirs.x, ours.y - theirs.y, ours.z - theirs.z), 0.5);
}

}  // namespace
}  // namespace sap::preprocess
