// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "sap/eval/lesion_match.h"

namespace sap::eval {

using SharedVoxels = std::map<std::pair<int64_t, int64_t>, int64_t>;  // by (lesion, candidate)

struct RulePairs {
  std::set<std::pair<int64_t, int64_t>> matched;  // (lesion, candidate) indices
  std::set<int64_t> extra;  // candidates that overlap a lesion enough but were not assigned
};

// Pairs by options.matching. `match` has its lesions and candidates; candidate_idx gives the index
// of each candidate label, -1 where dropped.
RulePairs ApplyRule(const MatchResult& match,
                    const SharedVoxels& shared_vox,
                    const std::vector<int64_t>& candidate_idx,
                    const LabelledCase& labelled,
                    const MatchOptions& options);

// Rows and columns to pair so that as many pairs as possible have a weight above 0, and among
// those the sum is largest; -1 = unpaired. weight[row][column] is 0 (not allowed) to 1.
std::vector<int64_t> AssignPairs(const std::vector<std::vector<double>>& weight);

}  // namespace sap::eval
