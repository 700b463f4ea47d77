// SPDX-License-Identifier: Apache-2.0
#include "support/tiny_cohort.h"

#include <array>
#include <cmath>
#include <fstream>

#include <ATen/ATen.h>
#include <fmt/format.h>

#include "sap/core/rng.h"
#include "sap/image/volume_io.h"

namespace sap::testing {
namespace fs = std::filesystem;
namespace {

struct Ball {
  XyzInt centre_vox;
  double radius_vox;
};

double Distance(const XyzInt& a, const XyzInt& b) {
  double sum = 0;
  for (std::size_t axis = 0; axis < 3; ++axis) {
    sum += std::pow(static_cast<double>(a[axis] - b[axis]), 2.0);
  }
  return std::sqrt(sum);
}

// Squared radius in units of the body's half axes: below 1 inside.
double BodyRadius2(const XyzInt& v, const XyzInt& size) {
  double sum = 0;
  for (std::size_t axis = 0; axis < 2; ++axis) {  // a cylinder along z
    const double half = static_cast<double>(size[axis]) / 2;
    sum += std::pow((static_cast<double>(v[axis]) + 0.5 - half) / (0.85 * half), 2.0);
  }
  return sum;
}

std::vector<Ball> PlaceLesions(const TinyCohortOptions& options, Rng& rng) {
  std::vector<Ball> balls;
  for (int attempt = 0;
       static_cast<int>(balls.size()) < options.lesions_per_case && attempt < 10000;
       ++attempt) {
    const XyzInt& size = options.size_vox;
    const Ball ball{
        {rng.UniformInt(0, size.x), rng.UniformInt(0, size.y), rng.UniformInt(0, size.z)},
        rng.Uniform(1.5, 3.5)};
    bool free = BodyRadius2(ball.centre_vox, size) < 0.6;
    for (const Ball& other : balls) {
      free = free &&
             Distance(ball.centre_vox, other.centre_vox) > ball.radius_vox + other.radius_vox + 3;
    }
    if (free) balls.push_back(ball);
  }
  return balls;
}

struct TinyCase {
  at::Tensor t1, b1000, gt, skeleton, body;
};

TinyCase DrawCase(const TinyCohortOptions& options, Rng& rng) {
  const XyzInt& size = options.size_vox;
  const std::array<int64_t, 3> shape = {size.x, size.y, size.z};
  TinyCase c{at::zeros(shape, at::kFloat),
             at::zeros(shape, at::kFloat),
             at::zeros(shape, at::kByte),
             at::zeros(shape, at::kByte),
             at::zeros(shape, at::kByte)};
  const std::vector<Ball> balls = PlaceLesions(options, rng);
  float* t1 = c.t1.data_ptr<float>();
  float* b1000 = c.b1000.data_ptr<float>();
  int64_t i = 0;
  for (int64_t x = 0; x < size.x; ++x) {
    for (int64_t y = 0; y < size.y; ++y) {
      for (int64_t z = 0; z < size.z; ++z, ++i) {
        const XyzInt v{x, y, z};
        const double r2 = BodyRadius2(v, size);
        t1[i] = static_cast<float>((r2 < 1 ? 300 + 80 * r2 : 5) + 5 * rng.Normal());
        b1000[i] = static_cast<float>((r2 < 1 ? 40 : 2) + 2 * rng.Normal());
        if (r2 < 1) c.body.data_ptr<uint8_t>()[i] = 1;
        if (r2 < 0.2) c.skeleton.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(1 + 9 * z / size.z);
        for (const Ball& ball : balls) {
          if (Distance(v, ball.centre_vox) > ball.radius_vox) continue;
          c.gt.data_ptr<uint8_t>()[i] = 1;
          b1000[i] += 160;
        }
      }
    }
  }
  return c;
}

void WriteTable(const fs::path& folder,
                const std::vector<std::string>& ids,
                int exams_per_subject) {
  std::ofstream table(folder / "cohort.yaml");
  table << "cases:\n";
  for (std::size_t i = 0; i < ids.size(); ++i) {
    table << fmt::format("  - {{case: {}, subject: subject_{:02d}, site: {}}}\n",
                         ids[i],
                         i / static_cast<std::size_t>(exams_per_subject),
                         i % 2 == 0 ? "A" : "B");
  }
}

}  // namespace

std::vector<std::string> MakeTinyCohort(const fs::path& folder, const TinyCohortOptions& options) {
  std::vector<std::string> ids;
  for (int n = 0; n < options.num_cases; ++n) {
    Rng rng({.seed = options.seed, .stream = Stream::kTest, .sample = static_cast<uint64_t>(n)});
    const TinyCase c = DrawCase(options, rng);
    const std::string id = fmt::format("case_{:02d}", n);
    const fs::path place = folder / id;
    fs::create_directories(place);
    Geometry grid;
    grid.size_vox = options.size_vox;
    grid.spacing_mm = options.spacing_mm;
    const auto write = [&](const std::string& stem, const at::Tensor& data) {
      WriteVolume(place / (stem + ".nii.gz"), Volume(data, grid));
    };
    write("T1", c.t1);
    write("b1000", c.b1000);
    write(options.label_stem, c.gt);
    if (options.write_skeleton) write("skeleton", c.skeleton);
    if (options.write_body) write("body", c.body);
    ids.push_back(id);
  }
  if (options.exams_per_subject > 1) WriteTable(folder, ids, options.exams_per_subject);
  return ids;
}

}  // namespace sap::testing
