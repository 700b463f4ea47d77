// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/weights_io.h"

#include <string>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "nn/hostile_files.h"
#include "sap/core/files.h"
#include "support/peer_python.h"
#include "support/shared_folder.h"

namespace sap::nn {
namespace {

using testing::FreshFolder;
using testing::RefusesInput;
using testing::RunPeer;
using testing::WriteBytes;

const std::filesystem::path kGolden =
    std::filesystem::path(SAP_SOURCE_DIR) / "tests/golden/weights";

// What tests/peer/make_pt.py writes.
NamedTensors SmallState() {
  const Tensor values = at::arange(24, at::kFloat).view({2, 3, 4}) / 8;
  NamedTensors state;
  state.entries = {{"plain", values},
                   {"permuted", values.permute({2, 0, 1})},
                   {"slice_of_storage", values.view(-1).slice(0, 5, 9)},
                   {"half", values.to(at::kHalf)},
                   {"bf16", values.to(at::kBFloat16)},
                   {"double", values.to(at::kDouble)},
                   {"index", at::tensor({1, -2, 3, 4}, at::kLong).view({2, 2})},
                   {"int32", at::tensor({7, -8}, at::kInt)},
                   {"int16", at::tensor({7, -8}, at::kShort)},
                   {"int8", at::tensor({7, -8}, at::kChar)},
                   {"uint8", at::tensor({7, 200}, at::kByte)},
                   {"flag", at::tensor({1, 0, 1}, at::kLong).to(at::kBool)},
                   {"scalar", at::scalar_tensor(2.5)},
                   {"empty", at::zeros({0, 3})}};
  return state;
}

void ExpectSmallState(const NamedTensors& read) {
  const NamedTensors expected = SmallState();
  ASSERT_EQ(read.entries.size(), expected.entries.size());
  for (std::size_t i = 0; i < expected.entries.size(); ++i) {
    const auto& [name, tensor] = expected.entries[i];
    EXPECT_EQ(read.entries[i].first, name);
    EXPECT_EQ(read.entries[i].second.scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(read.entries[i].second, tensor)) << name;
    EXPECT_TRUE(read.entries[i].second.is_contiguous()) << name;
  }
}

TEST(ReadPt, ReadsABareDictThatTorchWrote) {
  ExpectSmallState(ReadPt(kGolden / "bare.pt"));
}

TEST(ReadPt, ReadsStateDictKeepsScalarsAndLeavesTheRestUnread) {
  const NamedTensors read = ReadPt(kGolden / "nested.pt");
  ExpectSmallState(read);
  EXPECT_EQ(read.metadata.at("epoch"), "12");
  EXPECT_EQ(read.metadata.at("best_acc"), "0.5");
  const auto mentions = [&](const std::string& word) {
    for (const std::string& note : read.notes) {
      if (note.find(word) != std::string::npos) return true;
    }
    return false;
  };
  EXPECT_TRUE(mentions("'optimizer' (dict)"));
  EXPECT_TRUE(mentions("'args' (object)"));
  EXPECT_TRUE(mentions("'rng' (tensor)"));
}

TEST(ReadPt, RefusesAWholeModuleWithTheNextStep) {
  EXPECT_TRUE(RefusesInput([] { ReadPt(kGolden / "whole_module.pt"); },
                           "'torch.nn.modules.container.Sequential'"));
  EXPECT_TRUE(RefusesInput([] { ReadPt(kGolden / "whole_module.pt"); }, "model.state_dict()"));
}

TEST(WritePt, BothFormsComeBackWithTheirMetadata) {
  for (const PtForm form : {PtForm::kBareDict, PtForm::kStateDict}) {
    const auto path = FreshFolder() / "w.pt";
    NamedTensors state = SmallState();
    state.metadata = {{weights_key::kPatchMerging, "legacy"}, {"odd", "\xc3\xa9\n"}};
    WritePt(path, state, form);
    const NamedTensors read = ReadPt(path);
    ExpectSmallState(read);
    EXPECT_EQ(read.metadata, state.metadata);
    EXPECT_TRUE(read.notes.empty());
  }
}

TEST(ReadWeights, GoesByContentNotByExtension) {
  const auto folder = FreshFolder();
  WriteSafetensors(folder / "really_safetensors.pt", SmallState());
  WritePt(folder / "really_pt.safetensors", SmallState());
  ExpectSmallState(ReadWeights(folder / "really_safetensors.pt"));
  ExpectSmallState(ReadWeights(folder / "really_pt.safetensors"));
  WriteBytes(folder / "text.pt", "these are no weights");
  EXPECT_TRUE(RefusesInput([&] { ReadWeights(folder / "text.pt"); }, "neither"));
}

TEST(ReadWeights, ACheckpointFolderStandsForItsModel) {
  const auto folder = FreshFolder();
  EXPECT_TRUE(RefusesInput([&] { ReadWeights(folder); }, "without model.safetensors"));
  WriteSafetensors(folder / kModelFileName, SmallState());
  ExpectSmallState(ReadWeights(folder));
}

TEST(WriteWeights, GoesByExtensionAndKnowsThree) {
  const auto folder = FreshFolder();
  for (const std::string name : {"w.safetensors", "w.pt", "w.pth"}) {
    WriteWeights(folder / name, SmallState());
    ExpectSmallState(ReadWeights(folder / name));
  }
  try {
    WriteWeights(folder / "w.onnx", SmallState());
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kOption);
  }
}

TEST(PeerTorch, ReadsWhatWeWriteWithWeightsOnly) {
  SAP_REQUIRE_PEER(python, "torch, safetensors");
  const auto folder = FreshFolder();
  NamedTensors state = SmallState();
  state.metadata = {{weights_key::kPatchMerging, "legacy"}};
  WritePt(folder / "bare.pt", state, PtForm::kBareDict);
  WritePt(folder / "nested.pt", state, PtForm::kStateDict);
  WriteSafetensors(folder / "w.safetensors", state);
  EXPECT_EQ(RunPeer(python, "make_pt.py check " + (folder / "bare.pt").string() + " bare"), 0);
  EXPECT_EQ(RunPeer(python, "make_pt.py check " + (folder / "nested.pt").string() + " state_dict"),
            0);
  EXPECT_EQ(
      RunPeer(python, "make_pt.py check " + (folder / "w.safetensors").string() + " safetensors"),
      0);
}

TEST(PeerTorch, WritesWhatWeRead) {
  SAP_REQUIRE_PEER(python, "torch, safetensors");
  const auto folder = FreshFolder();
  ASSERT_EQ(RunPeer(python, "make_pt.py write " + folder.string()), 0);
  for (const std::string name : {"bare", "dict", "protocol4", "nested", "model_key"}) {
    SCOPED_TRACE(name);
    ExpectSmallState(ReadPt(folder / (name + ".pt")));
  }
  EXPECT_EQ(ReadPt(folder / "module_state.pt").Find("0.weight")->sizes().vec(),
            (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(ReadPt(folder / "parameter.pt").entries.size(), 1U);
  EXPECT_TRUE(RefusesInput([&] { ReadPt(folder / "before_1_6.pt"); }, "before 1.6"));
}

}  // namespace
}  // namespace sap::nn
