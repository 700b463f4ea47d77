// SPDX-License-Identifier: Apache-2.0
#include "ssl/view_picture.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "support/read_png.h"
#include "support/shared_folder.h"

namespace sap::ssl {
namespace {

TEST(ViewPicture, ShowsMiddlePlanesWithZUpwardsInTheGreyWindowOfTheCleanView) {
  const Tensor target = at::zeros({2, 3, 96, 96});
  target[0][1].fill_(10);
  target[0][1][0][95] = 5;          // y = 0, top of z
  const Tensor input = target / 2;  // darker, in the same window
  const Tensor rebuilt = target * 3;
  ViewPicture picture;
  picture.AddRow(target, input, rebuilt);
  picture.AddRow(target, input, rebuilt);
  const fs::path path = testing::FreshFolder() / "new" / "views.png";
  picture.Write(path);
  const Tensor grey = testing::ReadGrayPng(path);
  ASSERT_EQ(grey.sizes().vec(), (std::vector<int64_t>{2 * 100, 6 * 100}));
  const auto at_pixel = [&](int64_t row, int64_t column) {
    return static_cast<int>(grey[row][column].item<uint8_t>());
  };
  EXPECT_EQ(at_pixel(0, 0), 127);  // 5 of 10
  EXPECT_EQ(at_pixel(0, 1), 255);
  EXPECT_EQ(at_pixel(95, 0), 255);         // the same y, z = 0
  EXPECT_EQ(at_pixel(50, 100 + 50), 127);  // the cut view
  EXPECT_EQ(at_pixel(50, 200 + 50), 255);  // the reconstruction, beyond the window
  EXPECT_EQ(at_pixel(50, 300 + 50), 0);    // the empty second channel
  EXPECT_EQ(at_pixel(50, 97), 64);         // margin
  EXPECT_TRUE(grey.narrow(0, 0, 100).equal(grey.narrow(0, 100, 100)));
}

}  // namespace
}  // namespace sap::ssl
