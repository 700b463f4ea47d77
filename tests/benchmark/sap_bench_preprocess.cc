// SPDX-License-Identifier: Apache-2.0
// Seconds of N4 and of rigid registration on a seeded volume, one JSON line each, beside the same
// volume in the Python peer: 192 x 96 x 128 voxels of 2 x 2 x 4 mm.
#include <cmath>
#include <cstdlib>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench_support.h"
#include "sap/core/parallel.h"
#include "sap/preprocess/bias_field.h"
#include "sap/preprocess/denoise.h"
#include "sap/preprocess/merge_stations.h"
#include "sap/preprocess/register_to_t1.h"

namespace sap::preprocess {
namespace {

struct Body {
  Volume image;
  Tensor mask_XYZ;
  Tensor log_field_XYZ;  // the true one
};

Body MakeBody(uint64_t seed, const XyzDouble& origin_mm) {
  at::manual_seed(seed);
  const XyzInt n = {192, 96, 128};
  const auto axis = [](int64_t size) { return at::linspace(-1, 1, size, at::kFloat); };
  const Tensor x = axis(n.x).view({-1, 1, 1});
  const Tensor y = axis(n.y).view({1, -1, 1});
  const Tensor z = axis(n.z).view({1, 1, -1});
  const Tensor inside_XYZ = ((x / 0.7).square() + (y / 0.6).square() + z * 0 < 1).to(at::kFloat);
  const Tensor field_XYZ = (0.4 * x + 0.3 * (2 * z).sin() - 0.2 * y * y).exp();
  const Tensor texture_XYZ = 1 + 0.3 * (31 * x).sin() * (27 * y).cos();
  const Tensor image_XYZ =
      (inside_XYZ * 200 * field_XYZ * texture_XYZ + 5 * at::randn({n.x, n.y, n.z})).clamp_min(0);
  const Geometry grid{.size_vox = n, .spacing_mm = {2, 2, 4}, .origin_mm = origin_mm};
  return {{image_XYZ.contiguous(), grid}, inside_XYZ > 0.5, field_XYZ.log()};
}

void Time(const char* name, const std::function<void()>& work) {
  fmt::print("{{\"sap\": \"{}\", \"s\": {:.3f}}}\n", name, bench::Seconds(work));
}

// N4 with the SD of what it leaves of the field inside the body [log units].
void TimeN4(const char* name, const Body& body, double estimate_mm) {
  BiasField found;
  const double seconds = bench::Seconds(
      [&] { found = EstimateBiasField(body.image, body.mask_XYZ, {.estimate_mm = estimate_mm}); });
  const Tensor left = (found.log_field_XYZ - body.log_field_XYZ).masked_select(body.mask_XYZ);
  fmt::print("{{\"sap\": \"{}\", \"s\": {:.3f}, \"residual_log_sd\": {:.4f}}}\n",
             name,
             seconds,
             left.std().item<double>());
}

void Run() {
  const Body fixed = MakeBody(0, {0, 0, 0});
  const Body moving = MakeBody(1, {5, -4, 8});
  TimeN4("n4 about 4 mm", fixed, 4);
  TimeN4("n4 full grid in plane", fixed, 2);
  Time("denoise", [&] { Denoise(fixed.image); });
  const Geometry fine = MergedGrid({fixed.image.geometry()}, {1, 1, 2});
  Time("merge to 19 M voxels", [&] { MergeStations({{fixed.image, fixed.mask_XYZ}}, fine); });
  const Tensor all_XYZ = at::ones_like(fixed.mask_XYZ);
  Time("rigid", [&] { RegisterToT1(fixed.image, all_XYZ, moving.image); });
}

}  // namespace
}  // namespace sap::preprocess

int main() {
  sap::SetNumThreads(2);
  sap::preprocess::Run();
  return EXIT_SUCCESS;
}
