// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/postprocess.h"

#include <map>

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "sap/core/rng.h"
#include "sap/image/components.h"

namespace sap::infer {
namespace {

Tensor Row(const std::vector<int64_t>& labels) {
  return at::tensor(labels, at::kByte).view({static_cast<int64_t>(labels.size()), 1, 1});
}

TEST(MajorityVote, GivesEachComponentItsMostFrequentLabel) {
  EXPECT_TRUE(
      at::equal(MajorityVote(Row({0, 2, 2, 1, 0, 3, 1, 1})), Row({0, 2, 2, 2, 0, 1, 1, 1})));
}

TEST(MajorityVote, TiesGoToTheSmallestLabel) {
  EXPECT_TRUE(at::equal(MajorityVote(Row({5, 3, 0, 7})), Row({3, 3, 0, 7})));
}

TEST(MajorityVote, DiagonalNeighboursDoNotVoteTogether) {
  Tensor labels = at::zeros({2, 2, 1}, at::kByte);
  labels[0][0][0] = 4;
  labels[1][1][0] = 9;
  EXPECT_TRUE(at::equal(MajorityVote(labels), labels));
}

TEST(MajorityVote, EqualsAVotePerComponentOnRandomLabels) {
  Rng rng({.seed = 3});
  Tensor labels = at::zeros({14, 11, 9}, at::kByte);
  uint8_t* values = labels.data_ptr<uint8_t>();
  for (int64_t i = 0; i < labels.numel(); ++i) {
    values[i] = rng.Bernoulli(0.3) ? static_cast<uint8_t>(rng.UniformInt(1, 5)) : 0;
  }
  const Components components = LabelComponents(labels > 0, Connectivity::k6);
  Tensor expected = at::zeros_like(labels);
  for (const Component& component : components.list) {
    const Tensor inside = components.labels_XYZ == component.label;
    const Tensor voters = labels.masked_select(inside);
    std::map<int64_t, int64_t> votes;
    for (int64_t i = 0; i < voters.numel(); ++i) ++votes[voters[i].item<int64_t>()];
    int64_t winner = 0;
    for (const auto& [label, count] : votes) {
      if (winner == 0 || count > votes[winner]) winner = label;
    }
    expected.masked_fill_(inside, winner);
  }
  EXPECT_TRUE(at::equal(MajorityVote(labels), expected));
}

TEST(MajorityVote, LeavesAnEmptyMapEmpty) {
  EXPECT_TRUE(at::equal(MajorityVote(Row({0, 0})), Row({0, 0})));
}

}  // namespace
}  // namespace sap::infer
