// SPDX-License-Identifier: Apache-2.0
// Image steps on a whole-body volume (default 448 x 300 x 1100 voxels), each beside a named
// alternative: one line each with both times and the ratio. Options: x y z.
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <vector>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "bench_support.h"
#include "sap/image/components.h"
#include "sap/image/distance.h"
#include "sap/image/intensity.h"
#include "sap/image/orient.h"
#include "sap/image/resample.h"
#include "sap/image/volume_io.h"

namespace sap {
namespace {

using bench::Report;
using bench::Seconds;

void Measure(const XyzInt& n) {
  at::manual_seed(1);
  Geometry grid{.size_vox = n, .spacing_mm = {1.2, 1.2, 1.6}};
  // A smooth field: blobs of some 20 voxels, as lesions and organs are.
  const Tensor coarse = at::rand({1, 1, n.x / 20 + 2, n.y / 20 + 2, n.z / 20 + 2});
  const Tensor image_XYZ = at::upsample_trilinear3d(coarse, {n.x, n.y, n.z}, true)[0][0];
  const Tensor mask_XYZ = image_XYZ.gt(0.6);
  const Volume volume(image_XYZ, grid);

  Report("components, 26",
         Seconds([&] { LabelComponents(mask_XYZ, Connectivity::k26); }),
         "mask.nonzero()",
         Seconds([&] { mask_XYZ.nonzero(); }));
  Report("percentiles 1 and 99",
         Seconds([&] {
           Percentiles(image_XYZ, {1, 99});
         }),
         "kthvalue twice",
         Seconds([&] {
           image_XYZ.flatten().kthvalue(image_XYZ.numel() / 100);
           image_XYZ.flatten().kthvalue(image_XYZ.numel() / 100 * 99);
         }));
  Report("distance",
         Seconds([&] { DistanceToMask(mask_XYZ, grid.spacing_mm); }),
         "sqrt of the volume",
         Seconds([&] { image_XYZ.sqrt(); }));
  Report("reorient to SPL",
         Seconds([&] { Reorient(volume, "SPL"); }),
         "permute, contiguous",
         Seconds([&] {
           image_XYZ.permute({2, 1, 0}).contiguous();
         }));
  const Geometry coarse_grid = GridWithSpacing(grid, {2.5, 2.5, 2.5});
  const XyzInt& m = coarse_grid.size_vox;
  const std::vector<int64_t> size = {m.x, m.y, m.z};
  Report(
      "resample linear to 2.5 mm",
      Seconds([&] { Resample(volume, coarse_grid, Interpolation::kLinear); }),
      "upsample_trilinear3d",
      Seconds([&] { at::upsample_trilinear3d(image_XYZ.unsqueeze(0).unsqueeze(0), size, false); }));
  const auto path = std::filesystem::temp_directory_path() / "sap_bench_image.nii";
  const double write_s = Seconds([&] { WriteVolume(path, volume); });
  const double read_s = Seconds([&] { ReadVolume(path); });
  Report("write .nii", write_s, "read .nii", read_s);
  std::filesystem::remove(path);
  // Filtered voxels are compressed as runs alone, whole numbers with matches as well (zlib, level
  // 1): the same noise both ways.
  const Tensor noisy_XYZ = at::rand_like(image_XYZ).mul_(200).masked_fill_(mask_XYZ, 0);
  const auto gz = std::filesystem::temp_directory_path() / "sap_bench_image.nii.gz";
  const double runs_s = Seconds([&] { WriteVolume(gz, volume.WithData(noisy_XYZ)); });
  const Tensor whole_XYZ = noisy_XYZ.mul(1 << 16).round_();
  Report("write .nii.gz, runs alone", runs_s, "the same with matches", Seconds([&] {
           WriteVolume(gz, volume.WithData(whole_XYZ));
         }));
  std::filesystem::remove(gz);
}

}  // namespace
}  // namespace sap

int main(int argc, char** argv) {
  sap::XyzInt size_vox{448, 300, 1100};
  for (int a = 0; a < 3 && a + 1 < argc; ++a) {
    size_vox[static_cast<std::size_t>(a)] = std::atoll(argv[a + 1]);
  }
  sap::Measure(size_vox);
  return 0;
}
