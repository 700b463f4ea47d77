// SPDX-License-Identifier: Apache-2.0
#include "sap/transfer/convert_weights.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/transfer/key_map.h"
#include "support/peer_python.h"
#include "support/shared_folder.h"
#include "transfer/transfer_builders.h"

namespace sap::transfer {
namespace {

using testing::FilledWeights;
using testing::FreshFolder;
using testing::Refuses;
using testing::RenameAll;
using testing::RunPeer;
using testing::SmallNetwork;

constexpr double kMark = 0.25;  // what every weight of the file holds

LoadReport Convert(const std::filesystem::path& from,
                   const std::filesystem::path& to,
                   WeightsLayout layout,
                   bool dry_run = false) {
  return ConvertWeights({.input = from.string(), .output = to.string(), .layout = layout}, dry_run);
}

TEST(ConvertWeights, SafetensorsAndPtHoldTheSameNetwork) {
  const auto folder = FreshFolder();
  nn::NamedTensors foreign = FilledWeights(SmallNetwork(), kMark);
  foreign.metadata.clear();
  RenameAll(foreign, "module.");
  nn::WritePt(folder / "a.pt", foreign, nn::PtForm::kStateDict);
  const LoadReport report = Convert(folder / "a.pt", folder / "b.safetensors", WeightsLayout::kSap);
  EXPECT_EQ(report.Count(LoadStatus::kAdapted), static_cast<int64_t>(nn::kNumEntries));
  Convert(folder / "b.safetensors", folder / "c.pt", WeightsLayout::kMonai);
  const nn::NamedTensors read = nn::ReadWeights(folder / "c.pt");
  EXPECT_EQ(read.metadata, FilledWeights(SmallNetwork(), 0.0).metadata);
  nn::SwinUnetr model(SmallNetwork());
  LoadExact(*model, read);
  for (const auto& parameter : model->parameters()) {
    EXPECT_TRUE((parameter == kMark).all().item<bool>());
  }
}

TEST(ConvertWeights, MonaiLayoutComputesMissingIndexBuffers) {
  const auto folder = FreshFolder();
  nn::NamedTensors weights;
  const nn::NamedTensors whole = FilledWeights(SmallNetwork(), kMark);
  for (const auto& entry : whole.entries) {
    if (!IsIndexBuffer(entry.first)) weights.entries.push_back(entry);
  }
  nn::WriteWeights(folder / "a.safetensors", weights);
  ConvertWeights({(folder / "a.safetensors").string(),
                  (folder / "b.safetensors").string(),
                  WeightsLayout::kMonai,
                  nn::PatchMerging::kFixed},
                 false);
  const nn::NamedTensors read = nn::ReadWeights(folder / "b.safetensors");
  EXPECT_EQ(read.metadata.at(nn::weights_key::kPatchMerging), "fixed");
  EXPECT_EQ(read.entries.size(), nn::kNumEntries);
  const std::string name = "swinViT.layers3.0.blocks.1.attn.relative_position_index";
  ASSERT_NE(read.Find(name), nullptr);
  EXPECT_TRUE(at::equal(*read.Find(name), *whole.Find(name)));
}

TEST(ConvertWeights, ADryRunWritesNothingAndInPlaceIsRefused) {
  const auto folder = FreshFolder();
  const auto file = folder / "a.safetensors";
  nn::WriteWeights(file, FilledWeights(SmallNetwork(), kMark));
  Convert(file, folder / "b.pt", WeightsLayout::kSap, /*dry_run=*/true);
  EXPECT_FALSE(std::filesystem::exists(folder / "b.pt"));
  EXPECT_TRUE(Refuses(
      ErrorKind::kOption,
      [&] { Convert(file, file, WeightsLayout::kSap); },
      "choose another name"));
}

TEST(ConvertWeights, RefusesWeightsOfAnotherNetwork) {
  const auto folder = FreshFolder();
  nn::NamedTensors other;
  other.entries = {{"fc.weight", at::zeros({2, 2})}};
  nn::WriteWeights(folder / "a.pt", other);
  EXPECT_TRUE(Refuses(
      ErrorKind::kInput,
      [&] { Convert(folder / "a.pt", folder / "b.pt", WeightsLayout::kSap); },
      "fc.weight"));
}

// MONAI writes, we convert twice, MONAI loads and finds its own numbers.
TEST(PeerMonai, LoadsWhatWeConvert) {
  SAP_REQUIRE_PEER(python, "torch, safetensors, monai");
  const auto folder = FreshFolder();
  ASSERT_EQ(RunPeer(python, "monai_weights.py write " + (folder / "a.pt").string()), 0);
  const LoadReport report =
      Convert(folder / "a.pt", folder / "b.safetensors", WeightsLayout::kMonai);
  EXPECT_EQ(report.num_loaded_params, 4'078'496);
  Convert(folder / "b.safetensors", folder / "c.pt", WeightsLayout::kMonai);
  Convert(folder / "b.safetensors", folder / "d.pt", WeightsLayout::kSsl);
  EXPECT_EQ(RunPeer(python, "monai_weights.py load " + (folder / "b.safetensors").string()), 0);
  EXPECT_EQ(RunPeer(python, "monai_weights.py load " + (folder / "c.pt").string()), 0);
  EXPECT_EQ(RunPeer(python, "monai_weights.py load_from " + (folder / "d.pt").string()), 0);
}

}  // namespace
}  // namespace sap::transfer
