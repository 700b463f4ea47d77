// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sap/data/splits.h"

// How subjects are dealt to folds with a fixed number of seats each. `subjects` is sorted by
// subject id; results are lists of subject ids.
namespace sap::data {

using Folds = std::vector<std::vector<std::string>>;

// Longest processing time first (evaluation.md §3): the next largest subject goes to the fold with
// free seats whose lesions per seat are fewest.
Folds DealGreedy(const std::vector<SubjectBurden>& subjects, const std::vector<int>& fold_sizes);

// Descending burden, folds in turn forward and backward.
Folds DealSnake(const std::vector<SubjectBurden>& subjects, const std::vector<int>& fold_sizes);

// Quantile bins of the burden, each shuffled, dealt in turn.
Folds DealBins(const std::vector<SubjectBurden>& subjects,
               const std::vector<int>& fold_sizes,
               int num_bins,
               uint64_t seed);

// The authors' chunks (interface.md §5.4): sorted ids, NumPy shuffle, chunks of
// max(1, n / num_folds), one surplus chunk merged into its neighbour. May give another number of
// folds; warnings say so.
Folds DealCompat(const std::vector<SubjectBurden>& subjects,
                 int num_folds,
                 uint32_t seed,
                 std::vector<std::string>& warnings);

}  // namespace sap::data
