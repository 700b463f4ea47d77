// SPDX-License-Identifier: Apache-2.0
#include "sap/image/gray_png.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/error.h"
#include "support/read_png.h"
#include "support/shared_folder.h"

namespace sap {
namespace {

TEST(GrayPng, ReadsBackWhatWasWritten) {
  at::manual_seed(1);
  const Tensor grey = at::randint(0, 256, {5, 9}, at::kByte);
  const fs::path path = testing::FreshFolder() / "grey.png";
  WriteGrayPng(path, grey);
  EXPECT_TRUE(testing::ReadGrayPng(path).equal(grey));
  WriteGrayPng(path, grey.t());  // replaces the file; another memory order is no other picture
  EXPECT_TRUE(testing::ReadGrayPng(path).equal(grey.t()));
}

TEST(GrayPng, SaysWhenTheFolderIsMissing) {
  try {
    WriteGrayPng(testing::FreshFolder() / "none" / "grey.png", at::zeros({2, 2}, at::kByte));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kIo);
  }
}

}  // namespace
}  // namespace sap
