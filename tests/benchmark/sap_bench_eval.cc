// SPDX-License-Identifier: Apache-2.0
// Evaluation steps on a whole-body exam (384 x 384 x 1000 voxels, 60 lesions, 120 candidates), each
// beside a named alternative: one line each with both times and the ratio. --write FOLDER leaves
// the exam as NIfTI and prints JSON for scripts/bench_eval_peer.py, which times SciPy on it.
#include <iostream>

#include <ATen/ATen.h>
#include <nlohmann/json.hpp>

#include "bench_support.h"
#include "sap/core/files.h"
#include "sap/core/page_cache.h"
#include "sap/core/parallel.h"
#include "sap/core/rng.h"
#include "sap/eval/bootstrap.h"
#include "sap/eval/stats.h"
#include "sap/eval/threshold.h"
#include "sap/image/volume_io.h"

namespace sap::eval {
namespace {

using bench::Report;
using bench::Seconds;

struct BenchOptions {
  std::vector<int64_t> size_vox = {384, 384, 1000};
  bool haze = false;
  int threads = 0;
  int repeat = 3;
  std::string write;
};

// distance [voxels] from the centre of a cube.
Tensor Radius(int64_t reach) {
  const Tensor axis = at::arange(-reach, reach + 1, at::kFloat);
  return (axis.square().view({-1, 1, 1}) + axis.square().view({1, -1, 1}) + axis.square()).sqrt();
}

// Cones of probability on the lesions, and as many beside them; with `haze` also wide low ones,
// so that about two million voxels take part in a sweep.
CaseInput MakeCase(const BenchOptions& options) {
  constexpr int64_t kReach = 8;
  constexpr int64_t kHazeReach = 24;
  const XyzInt n{options.size_vox[0], options.size_vox[1], options.size_vox[2]};
  CaseInput input{.id = "bench",
                  .reference_XYZ = at::zeros({n.x, n.y, n.z}, at::kByte),
                  .probability_XYZ = at::zeros({n.x, n.y, n.z}),
                  .spacing_mm = {1.2, 1.2, 1.6}};
  const auto window = [](const Tensor& map, const XyzInt& at, int64_t reach) {
    const int64_t size = 2 * reach + 1;
    return map.narrow(0, at.x, size).narrow(1, at.y, size).narrow(2, at.z, size);
  };
  const auto raise = [&](const XyzInt& at, int64_t reach, const Tensor& values) {
    Tensor target = window(input.probability_XYZ, at, reach);
    target.copy_(at::maximum(target, values.clamp_min(0)));
  };
  const Tensor radius = Radius(kReach);
  Rng rng({.seed = 1});
  const auto place = [&](int64_t edge) {
    return XyzInt{rng.UniformInt(0, n.x - edge),
                  rng.UniformInt(0, n.y - edge),
                  rng.UniformInt(0, n.z - edge)};
  };
  for (int blob = 0; blob < 120; ++blob) {
    const XyzInt at = place(20);
    if (blob % 2 == 0) {
      window(input.reference_XYZ, at, kReach).bitwise_or_(radius.lt(5).to(at::kByte));
    }
    raise({at.x + 2, at.y, at.z}, kReach, 1 - radius / 8.5);
  }
  const Tensor low = 0.3 * (1 - Radius(kHazeReach) / (kHazeReach + 0.5));
  for (int blob = 0; options.haze && blob < 40; ++blob) {
    raise(place(2 * kHazeReach + 1), kHazeReach, low);
  }
  return input;
}

template <typename Action>
double Fastest(int repeat, const Action& action) {
  double fastest_s = Seconds(action);
  for (int i = 1; i < repeat; ++i) fastest_s = std::min(fastest_s, Seconds(action));
  return fastest_s;
}

double MeanOf(const std::vector<double>& values) {
  return Summarize(values).mean;
}

// What the peer must find too.
nlohmann::json Found(const CaseLesions& result) {
  LesionSummary alone{.cases = {result}};
  return {{"lesions", result.all.lesions},
          {"candidates", result.match.candidates.size()},
          {"detected", result.all.detected},
          {"false_positives", result.all.false_positives},
          {"mean_dice", MeanOf(alone.DetectedDice())},
          {"mean_border_nsd_2mm",
           MeanOf(alone.DetectedSurface([](const SurfaceScores& s) { return s.nsd_border[1]; }))},
          {"mean_border_assd_mm",
           MeanOf(alone.DetectedSurface([](const SurfaceScores& s) { return s.assd_border_mm; }))}};
}

void Run(const BenchOptions& options) {
  const CaseInput input = MakeCase(options);
  const MatchOptions rules;
  CaseLesions result;
  const double case_s = Fastest(options.repeat, [&] { result = EvaluateCase(input, 0.5, rules); });
  const double sweep_s =
      Fastest(options.repeat, [&] { SweepThresholds(input, DefaultThresholds(), rules); });
  if (!options.write.empty()) {
    const fs::path folder = options.write;
    CreateFolder(folder);
    const Geometry grid{.size_vox = {input.reference_XYZ.size(0),
                                     input.reference_XYZ.size(1),
                                     input.reference_XYZ.size(2)},
                        .spacing_mm = input.spacing_mm};
    WriteVolume(folder / "reference.nii", Volume(input.reference_XYZ, grid));
    WriteVolume(folder / "probability.nii", Volume(input.probability_XYZ, grid));
    const nlohmann::json line = {{"exam_s", case_s},
                                 {"sweep_s", sweep_s},
                                 {"threads", NumThreads()},
                                 {"peak_rss_mib", bench::PeakRssMib()},
                                 {"found", Found(result)}};
    std::cout << line.dump() << "\n";
    return;
  }
  const double few_s = Seconds([&] {
    for (const double t : {0.3, 0.5, 0.7}) {
      CountAll(
          MatchLesions(input.reference_XYZ, input.probability_XYZ >= t, input.spacing_mm, rules));
    }
  });
  const double active = input.probability_XYZ.ge(0.01).sum().item<double>();
  Report(
      "match, Dice, NSD of every lesion", case_s, "both labellings and the match alone", few_s / 3);
  Report("sweep of 99 thresholds", sweep_s, "99 labellings (3 timed, x 33)", 33 * few_s);
  Rng rng({.seed = 2});
  std::vector<double> values;
  for (int i = 0; i < 33; ++i) values.push_back(rng.Uniform());
  Report("exact interval of the median, n 33",
         Seconds([&] { ExactMedianInterval(values); }),
         "10000 resamples",
         Seconds([&] { BootstrapInterval(values, Median, {.resamples = 10000}); }));
  std::cout << fmt::format("({} lesions, {} candidates, {} voxels in the sweep)\n",
                           result.match.lesions.size(),
                           result.match.candidates.size(),
                           active);
}

}  // namespace
}  // namespace sap::eval

int main(int argc, char** argv) {
  sap::InstallPageCache();  // as the programs run
  sap::eval::BenchOptions options;
  CLI::App app{"times the evaluation of a whole-body exam"};
  app.add_option("--size", options.size_vox, "voxels along x y z")->expected(3);
  app.add_flag("--haze", options.haze, "two million voxels of low probability as well");
  app.add_option("--threads", options.threads, "0 = all");
  app.add_option("--repeat", options.repeat, "the fastest of so many runs counts");
  app.add_option("--write", options.write, "folder for the exam; JSON instead of a table");
  sap::bench::ParseOrExit(app, argc, argv);
  sap::SetNumThreads(options.threads);
  sap::eval::Run(options);
  return 0;
}
