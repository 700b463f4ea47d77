// SPDX-License-Identifier: Apache-2.0
#include "sap/image/components.h"

#include <algorithm>
#include <array>
#include <fstream>

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "image/grids.h"
#include "support/golden_tensors.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

using testing::RandomMask;

// Flood fill from each unlabelled voxel in C order: the definition.
Tensor FloodFill(const Tensor& mask_XYZ, Connectivity connectivity) {
  const int reach = connectivity == Connectivity::k6    ? 1
                    : connectivity == Connectivity::k18 ? 2
                                                        : 3;
  const Tensor bytes_XYZ = mask_XYZ.to(at::kByte);
  Tensor labels_XYZ = at::zeros(mask_XYZ.sizes(), at::kInt);
  const auto mask = bytes_XYZ.accessor<uint8_t, 3>();
  auto labels = labels_XYZ.accessor<int32_t, 3>();
  const std::array<int64_t, 3> n{mask.size(0), mask.size(1), mask.size(2)};
  int32_t next = 0;
  for (int64_t i = 0; i < mask_XYZ.numel(); ++i) {
    std::vector<std::array<int64_t, 3>> open = {{i / (n[1] * n[2]), i / n[2] % n[1], i % n[2]}};
    const auto [x0, y0, z0] = open[0];
    if (mask[x0][y0][z0] == 0 || labels[x0][y0][z0] != 0) continue;
    labels[x0][y0][z0] = ++next;
    while (!open.empty()) {
      const auto [x, y, z] = open.back();
      open.pop_back();
      for (int d = 0; d < 27; ++d) {
        const int dx = d / 9 - 1;
        const int dy = d / 3 % 3 - 1;
        const int dz = d % 3 - 1;
        if (std::abs(dx) + std::abs(dy) + std::abs(dz) > reach) continue;
        const std::array<int64_t, 3> at{x + dx, y + dy, z + dz};
        if (at[0] < 0 || at[1] < 0 || at[2] < 0) continue;
        if (at[0] >= n[0] || at[1] >= n[1] || at[2] >= n[2]) continue;
        if (mask[at[0]][at[1]][at[2]] == 0 || labels[at[0]][at[1]][at[2]] != 0) continue;
        labels[at[0]][at[1]][at[2]] = next;
        open.push_back(at);
      }
    }
  }
  return labels_XYZ;
}

constexpr std::array kAll = {Connectivity::k6, Connectivity::k18, Connectivity::k26};

TEST(LabelComponents, EqualsAFloodFillInNumberingToo) {
  int64_t seed = 1;
  for (const double density : {0.05, 0.2, 0.35, 0.5, 0.7, 1.0}) {
    for (const XyzInt size : {XyzInt{1, 1, 9}, XyzInt{6, 7, 8}, XyzInt{12, 1, 11}}) {
      const Tensor mask_XYZ = RandomMask(size, density, seed++);
      for (const Connectivity connectivity : kAll) {
        EXPECT_TRUE(at::equal(LabelComponents(mask_XYZ, connectivity).labels_XYZ,
                              FloodFill(mask_XYZ, connectivity)));
      }
    }
  }
}

TEST(LabelComponents, ListsSizeBoxAndFirstVoxel) {
  const Tensor mask_XYZ = RandomMask({9, 10, 11}, 0.3, 5);
  const Components components = LabelComponents(mask_XYZ, Connectivity::k18);
  EXPECT_EQ(components.labels_XYZ.max().item<int>(), static_cast<int>(components.list.size()));
  for (const Component& component : components.list) {
    const Tensor where = components.labels_XYZ.eq(component.label).nonzero();
    EXPECT_EQ(component.num_vox, where.size(0));
    for (std::size_t a = 0; a < 3; ++a) {
      const Tensor along = where.select(1, static_cast<int64_t>(a));
      EXPECT_EQ(component.box.begin_vox[a], along.min().item<int64_t>());
      EXPECT_EQ(component.box.end_vox[a], along.max().item<int64_t>() + 1);
      EXPECT_EQ(component.first_vox[a], along[0].item<int64_t>());
    }
  }
}

// Few runs in many rows (a map that takes memory only where they are) and many.
TEST(LabelComponents, ItsRunsPaintTheMap) {
  Tensor few_XYZ = at::zeros({40, 30, 200}, at::kByte);
  few_XYZ.slice(0, 3, 6).slice(1, 28, 30).slice(2, 63, 130).fill_(1);
  few_XYZ[39][29][199] = 1;
  for (const Tensor& mask_XYZ : {few_XYZ, RandomMask({9, 10, 131}, 0.3, 7)}) {
    const Components components = LabelComponents(mask_XYZ, Connectivity::k6);
    Tensor painted_XYZ = at::zeros(mask_XYZ.sizes(), at::kInt);
    auto painted = painted_XYZ.accessor<int32_t, 3>();
    const int64_t size_y = mask_XYZ.size(1);
    for (int64_t row = 0; row < mask_XYZ.size(0) * size_y; ++row) {
      const auto first = static_cast<std::size_t>(components.table.first_of_row.at(row));
      const auto end = static_cast<std::size_t>(components.table.first_of_row.at(row + 1));
      for (std::size_t i = first; i < end; ++i) {
        const Run& run = components.table.runs.at(i);
        for (int64_t z = run.begin_z; z < run.end_z; ++z) {
          EXPECT_EQ(painted[row / size_y][row % size_y][z], 0) << "runs overlap";
          painted[row / size_y][row % size_y][z] = run.label;
        }
      }
    }
    EXPECT_TRUE(at::equal(painted_XYZ, components.labels_XYZ));
    EXPECT_TRUE(at::equal(components.labels_XYZ, FloodFill(mask_XYZ, Connectivity::k6)));
  }
}

TEST(LabelComponents, TakesAnyIntegerTypeAndEmptyMasks) {
  const Tensor mask_XYZ = RandomMask({6, 7, 8}, 0.3, 6);
  const Tensor expected_XYZ = LabelComponents(mask_XYZ, Connectivity::k26).labels_XYZ;
  for (const at::ScalarType dtype : {at::kByte, at::kShort, at::kInt, at::kLong}) {
    const Tensor typed_XYZ = mask_XYZ.to(dtype) * 2;
    EXPECT_TRUE(at::equal(LabelComponents(typed_XYZ, Connectivity::k26).labels_XYZ, expected_XYZ));
  }
  EXPECT_TRUE(LabelComponents(at::zeros({3, 3, 3}, at::kBool), Connectivity::k6).list.empty());
}

TEST(LabelComponents, EqualsThePublishedCounts) {
  SAP_REQUIRE_SHARED(golden, "golden");
  std::ifstream file(golden / "components.json");
  const auto expected = nlohmann::json::parse(file).at("components");
  for (const auto& [name, entry] : expected.items()) {
    const Tensor mask_XYZ = testing::GoldenTensor(golden / "components.safetensors", name);
    for (const Connectivity connectivity : kAll) {
      const std::string suffix = std::to_string(static_cast<int>(connectivity));
      std::vector<int64_t> sizes;
      for (const Component& c : LabelComponents(mask_XYZ, connectivity).list) {
        sizes.push_back(c.num_vox);
      }
      EXPECT_EQ(static_cast<int64_t>(sizes.size()), entry.at("count_" + suffix).get<int64_t>());
      std::sort(sizes.rbegin(), sizes.rend());
      sizes.resize(std::min<std::size_t>(sizes.size(), 20));
      EXPECT_EQ(sizes, entry.at("sizes_desc_" + suffix).get<std::vector<int64_t>>()) << name;
    }
  }
}

}  // namespace
}  // namespace sap
