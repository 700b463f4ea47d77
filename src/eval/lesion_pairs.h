// SPDX-License-Identifier: Apache-2.0
// What a detected lesion's Dice and NSD compare (evaluation §1.8).
#pragma once

#include <cstdint>

#include "eval/match_rule.h"
#include "sap/eval/lesion_match.h"
#include "sap/eval/surface.h"

namespace sap::eval {

// The matched candidate of most overlap, the first of several. The lesion is detected.
int64_t BestCandidate(const ReferenceLesion& lesion, int64_t g, const SharedVoxels& shared_vox);

// Fills `paired` and the voxel counts of every lesion; groups are known.
void SetPairs(const LabelledCase& labelled,
              const SharedVoxels& shared_vox,
              LesionPair rule,
              MatchResult& match,
              VoronoiParts* parts);

// Surfaces of each lesion's pair, inside their common box; none for a lesion that is missed or
// ignored. Lesions of a group share theirs with lesion_pair group.
std::vector<SurfaceScores> PairSurfaces(const MatchResult& match,
                                        const LabelledCase& labelled,
                                        const VoronoiParts& parts,
                                        LesionPair rule,
                                        const std::vector<double>& tolerances_mm);

}  // namespace sap::eval
