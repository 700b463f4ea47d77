// SPDX-License-Identifier: Apache-2.0
// Evaluation steps on a whole-body exam (default 384 x 384 x 1000 voxels, 60 lesions), each beside
// a named alternative: one line each with both times and the ratio. Options: x y z.
#include <cstdlib>
#include <functional>
#include <iostream>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench_support.h"
#include "sap/core/rng.h"
#include "sap/eval/bootstrap.h"
#include "sap/eval/sensitivity.h"
#include "sap/eval/stats.h"
#include "sap/eval/surface.h"
#include "sap/eval/threshold.h"

namespace sap::eval {
namespace {

using bench::Report;
using bench::Seconds;

// Cones of probability on the lesions, and as many beside them.
CaseInput MakeCase(const XyzInt& n) {
  constexpr int64_t kRadius = 8;
  CaseInput input{.id = "bench",
                  .reference_XYZ = at::zeros({n.x, n.y, n.z}, at::kByte),
                  .probability_XYZ = at::zeros({n.x, n.y, n.z}),
                  .spacing_mm = {1.2, 1.2, 1.6}};
  const Tensor axis = at::arange(-kRadius, kRadius + 1, at::kFloat);
  const Tensor radius =
      (axis.square().view({-1, 1, 1}) + axis.square().view({1, -1, 1}) + axis.square()).sqrt();
  Rng rng({.seed = 1});
  for (int blob = 0; blob < 120; ++blob) {
    const auto window = [&](const Tensor& map, const XyzInt& at) {
      constexpr int64_t kSize = 2 * kRadius + 1;
      return map.narrow(0, at.x, kSize).narrow(1, at.y, kSize).narrow(2, at.z, kSize);
    };
    const XyzInt at{
        rng.UniformInt(0, n.x - 20), rng.UniformInt(0, n.y - 20), rng.UniformInt(0, n.z - 20)};
    const XyzInt moved{at.x + 2, at.y, at.z};
    if (blob % 2 == 0) window(input.reference_XYZ, at).bitwise_or_(radius.lt(5).to(at::kByte));
    Tensor target = window(input.probability_XYZ, moved);
    target.copy_(at::maximum(target, (1 - radius / 8.5).clamp_min(0)));
  }
  return input;
}

void Run(const XyzInt& n) {
  const CaseInput input = MakeCase(n);
  const MatchOptions options;
  CaseLesions result;
  const double case_s = Seconds([&] { result = EvaluateCase(input, 0.5, options); });
  const Tensor predicted_XYZ = input.probability_XYZ >= 0.5;
  Report("match, Dice, NSD of every lesion", case_s, "NSD of the volume, not cropped", Seconds([&] {
           CompareSurfaces(input.reference_XYZ, predicted_XYZ, input.spacing_mm, {1, 2, 3});
         }));
  const double few_s = Seconds([&] {
    for (const double t : {0.3, 0.5, 0.7}) {
      CountAll(
          MatchLesions(input.reference_XYZ, input.probability_XYZ >= t, input.spacing_mm, options));
    }
  });
  Report("sweep of 99 thresholds",
         Seconds([&] { SweepThresholds(input, DefaultThresholds(), options); }),
         "99 labellings (3 timed, x 33)",
         33 * few_s);
  const auto load = [&](std::size_t) { return input; };
  SensitivityStudy study(0.5, options);
  const auto visit = std::bind_front(&SensitivityStudy::Add, &study);
  const double plain_s = Seconds([&] { EvaluateLesions(1, load, 0.5, options); });
  Report("evaluation with 9 other rules",
         Seconds([&] { EvaluateLesions(1, load, 0.5, options, visit); }),
         "10 evaluations (1 timed, x 10)",
         10 * plain_s);
  Rng rng({.seed = 2});
  std::vector<double> values;
  for (int i = 0; i < 33; ++i) values.push_back(rng.Uniform());
  Report("exact interval of the median, n 33",
         Seconds([&] { ExactMedianInterval(values); }),
         "10000 resamples",
         Seconds([&] { BootstrapInterval(values, Median, {.resamples = 10000}); }));
  std::cout << fmt::format(
      "({} lesions, {} candidates)\n", result.match.lesions.size(), result.match.candidates.size());
}

}  // namespace
}  // namespace sap::eval

int main(int argc, char** argv) {
  sap::XyzInt size_vox{384, 384, 1000};
  for (int a = 0; a < 3 && a + 1 < argc; ++a) {
    size_vox[static_cast<std::size_t>(a)] = std::atoll(argv[a + 1]);
  }
  sap::eval::Run(size_vox);
  return 0;
}
