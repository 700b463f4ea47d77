// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/denoise.h"

#include <cmath>

#include <gtest/gtest.h>
#include <itkGradientAnisotropicDiffusionImageFilter.h>

#include "preprocess/itk_bridge.h"
#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "support/tensor_near.h"

namespace sap::preprocess {
namespace {

// The published scheme, voxel by voxel in double: differences in mm, conductance from the mean
// squared gradient, zero flux at the border.
Tensor NaiveDiffusion(Tensor image, const XyzDouble& spacing_mm, const DenoiseOptions& o) {
  const int64_t n[3] = {image.size(0), image.size(1), image.size(2)};
  const auto value = [&](const at::TensorAccessor<double, 3>& a, int64_t x, int64_t y, int64_t z) {
    return a[std::clamp<int64_t>(x, 0, n[0] - 1)][std::clamp<int64_t>(y, 0, n[1] - 1)]
            [std::clamp<int64_t>(z, 0, n[2] - 1)];
  };
  for (int step = 0; step < o.iterations; ++step) {
    Tensor next = image.clone();
    auto a = image.accessor<double, 3>();
    auto b = next.accessor<double, 3>();
    const auto central = [&](const int64_t p[3], std::size_t axis) {
      int64_t hi[3] = {p[0], p[1], p[2]};
      int64_t lo[3] = {p[0], p[1], p[2]};
      ++hi[axis];
      --lo[axis];
      return (value(a, hi[0], hi[1], hi[2]) - value(a, lo[0], lo[1], lo[2])) /
             (2 * spacing_mm[axis]);
    };
    double mean_squared = 0;
    for (int64_t x = 0; x < n[0]; ++x) {
      for (int64_t y = 0; y < n[1]; ++y) {
        for (int64_t z = 0; z < n[2]; ++z) {
          const int64_t p[3] = {x, y, z};
          for (std::size_t axis = 0; axis < 3; ++axis)
            mean_squared += std::pow(central(p, axis), 2);
        }
      }
    }
    mean_squared /= static_cast<double>(image.numel());
    const double k = mean_squared * o.conductance * o.conductance * -2;
    for (int64_t x = 0; x < n[0]; ++x) {
      for (int64_t y = 0; y < n[1]; ++y) {
        for (int64_t z = 0; z < n[2]; ++z) {
          double change = 0;
          for (std::size_t axis = 0; axis < 3; ++axis) {
            for (const int side : {1, -1}) {
              int64_t q[3] = {x, y, z};
              q[axis] += side;
              const double forward =
                  side * (value(a, q[0], q[1], q[2]) - a[x][y][z]) / spacing_mm[axis];
              // The gradient across the face: half the sum of both voxels' central differences.
              double across = 0;
              const int64_t p[3] = {x, y, z};
              const int64_t c[3] = {std::clamp<int64_t>(q[0], 0, n[0] - 1),
                                    std::clamp<int64_t>(q[1], 0, n[1] - 1),
                                    std::clamp<int64_t>(q[2], 0, n[2] - 1)};
              for (std::size_t other = 0; other < 3; ++other) {
                if (other == axis) continue;
                across += 0.25 * std::pow(central(p, other) + central(c, other), 2);
              }
              const double conductance = k == 0 ? 0 : std::exp((forward * forward + across) / k);
              // ITK divides once by the spacing, in the differences, and takes no second one.
              change += side * conductance * forward;
            }
          }
          b[x][y][z] += o.time_step * change;
        }
      }
    }
    image = next;
  }
  return image;
}

TEST(Denoise, EqualsTheSchemeWrittenVoxelByVoxel) {
  at::manual_seed(4);
  const Tensor image_XYZ = at::rand({11, 9, 7}) * 100 + 50;
  const Geometry grid{.size_vox = {11, 9, 7}, .spacing_mm = {1.5, 1.5, 4}};
  const Tensor ours = Denoise({image_XYZ, grid}).data();
  const Tensor naive = NaiveDiffusion(image_XYZ.to(at::kDouble), grid.spacing_mm, {});
  EXPECT_TRUE(testing::TensorNear(ours, naive, 2e-3));
}

Volume ByItk(const Volume& image, const DenoiseOptions& options) {
  auto filter = itk::GradientAnisotropicDiffusionImageFilter<ItkImage, ItkImage>::New();
  filter->SetInput(ToItk(image));
  filter->SetConductanceParameter(options.conductance);
  filter->SetNumberOfIterations(static_cast<unsigned>(options.iterations));
  filter->SetTimeStep(options.time_step);
  filter->Update();
  return image.WithData(FromItk(*filter->GetOutput()).data());
}

TEST(Denoise, EqualsItksFilterToAMillionth) {
  at::manual_seed(8);
  for (const auto& [size_vox, spacing_mm] :
       {std::pair<XyzInt, XyzDouble>{{37, 20, 45}, {0.651, 1.2, 0.651}},
        std::pair<XyzInt, XyzDouble>{{24, 31, 8}, {2, 2, 5}},
        std::pair<XyzInt, XyzDouble>{{9, 9, 1}, {2, 2, 6}}}) {
    const Geometry grid{.size_vox = size_vox, .spacing_mm = spacing_mm};
    const Tensor noise_XYZ = at::randn({size_vox.x, size_vox.y, size_vox.z});
    const Volume image((300 + 20 * noise_XYZ + 200 * (noise_XYZ > 1)).to(at::kFloat), grid);
    const Tensor difference_XYZ = Denoise(image).data() - ByItk(image, {}).data();
    EXPECT_LT(difference_XYZ.abs().max().item<double>(), 1e-6 * 500) << size_vox.z << " slices";
  }
}

TEST(Denoise, IsTheSameForAnyNumberOfThreads) {
  at::manual_seed(8);
  const Volume image(at::rand({70, 11, 19}) * 300, {.size_vox = {70, 11, 19}});
  const int threads = NumThreads();
  SetNumThreads(1);
  const Tensor one_XYZ = Denoise(image).data();
  SetNumThreads(3);
  const Tensor three_XYZ = Denoise(image).data();
  SetNumThreads(threads);
  EXPECT_TRUE(at::equal(one_XYZ, three_XYZ));
}

TEST(Denoise, LowersNoiseAndKeepsAnEdgeInPlace) {
  at::manual_seed(4);
  const Tensor clean = at::zeros({40, 40, 40});
  clean.narrow(0, 20, 20).fill_(600);
  const Geometry grid{.size_vox = {40, 40, 40}};
  const Tensor noisy = clean + 20 * at::randn(clean.sizes());
  const Tensor smooth = Denoise({noisy, grid}).data();
  const double before = noisy.narrow(0, 2, 15).std().item<double>();
  const double after = smooth.narrow(0, 2, 15).std().item<double>();
  EXPECT_LT(after, 0.75 * before);
  EXPECT_GT(after, 0.4 * before);
  const Tensor step_X = smooth.mean(at::IntArrayRef{1, 2});
  EXPECT_LT(step_X[19].item<double>(), 150);
  EXPECT_GT(step_X[20].item<double>(), 450);
}

TEST(Denoise, ZeroIterationsReturnTheImage) {
  const Tensor image_XYZ = at::rand({4, 4, 4});
  const Volume image(image_XYZ, {.size_vox = {4, 4, 4}});
  EXPECT_TRUE(testing::TensorNear(Denoise(image, {.iterations = 0}).data(), image_XYZ, 0));
}

TEST(Denoise, RefusesAnUnstableStep) {
  const Volume image(at::rand({4, 4, 4}), {.size_vox = {4, 4, 4}, .spacing_mm = {0.1, 1, 1}});
  EXPECT_THROW(Denoise(image), Error);
}

}  // namespace
}  // namespace sap::preprocess
