// SPDX-License-Identifier: Apache-2.0
#include "preprocess/dicom_stack.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <tuple>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace sap::preprocess::dicom {
namespace {

constexpr double kSameLineMm = 0.1;
constexpr double kSameCosine = 1e-4;
constexpr double kSameB = 1.0;
constexpr double kUnevenFrac = 0.02;   // of the step; positions are rounded in many headers
constexpr int kLargestGapSlices = 10;  // more empty slices lie between stations, not in one
constexpr std::size_t kSmallestBlock = 3;

double Dot(const XyzDouble& a, const XyzDouble& b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

XyzDouble Normal(const Frame& f) {
  const XyzDouble &u = f.along_row, &v = f.along_column;
  return {u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x};
}

bool Near(const XyzDouble& a, const XyzDouble& b, double tolerance) {
  return std::abs(a.x - b.x) <= tolerance && std::abs(a.y - b.y) <= tolerance &&
         std::abs(a.z - b.z) <= tolerance;
}

bool SameDiffusion(const Frame& a, const Frame& b) {
  if (a.b_s_per_mm2.has_value() != b.b_s_per_mm2.has_value()) return false;
  if (!a.b_s_per_mm2) return true;
  if (std::abs(*a.b_s_per_mm2 - *b.b_s_per_mm2) > kSameB) return false;
  if (*a.b_s_per_mm2 < kSameB) return true;  // no direction without a gradient
  if (a.directionality != b.directionality) return false;
  return a.gradient.has_value() == b.gradient.has_value() &&
         (!a.gradient || Near(*a.gradient, *b.gradient, 1e-3));
}

bool SameLine(const Frame& a, const Frame& b) {
  const XyzDouble d{b.position_mm.x - a.position_mm.x,
                    b.position_mm.y - a.position_mm.y,
                    b.position_mm.z - a.position_mm.z};
  return std::abs(Dot(d, a.along_row)) <= kSameLineMm &&
         std::abs(Dot(d, a.along_column)) <= kSameLineMm;
}

bool Together(const Frame& a, const Frame& b) {
  return a.header->series_uid == b.header->series_uid && a.rows == b.rows &&
         a.columns == b.columns && std::abs(a.row_step_mm - b.row_step_mm) < 1e-4 &&
         std::abs(a.column_step_mm - b.column_step_mm) < 1e-4 &&
         std::abs(a.echo_time_ms - b.echo_time_ms) < 1e-3 && a.type_words == b.type_words &&
         Near(a.along_row, b.along_row, kSameCosine) &&
         Near(a.along_column, b.along_column, kSameCosine) && SameDiffusion(a, b) && SameLine(a, b);
}

struct Slice {
  Frame frame;
  double at_mm = 0;  // along the normal
};
using Chain = std::vector<Slice>;

std::vector<Chain> GroupsOf(const std::vector<Frame>& frames) {
  std::vector<Chain> groups;
  std::map<std::string, std::vector<std::size_t>> of_series;  // few groups each: a short scan
  for (const Frame& frame : frames) {
    auto& candidates = of_series[frame.header->series_uid];
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](std::size_t g) {
      return Together(groups[g].front().frame, frame);
    });
    if (found == candidates.end()) {
      candidates.push_back(groups.size());
      groups.push_back({{frame, 0}});
    } else {
      groups[*found].push_back({frame, 0});
    }
  }
  for (Chain& group : groups) {
    const XyzDouble normal = Normal(group.front().frame);
    for (Slice& s : group) s.at_mm = Dot(s.frame.position_mm, normal);
    std::stable_sort(group.begin(), group.end(), [](const Slice& a, const Slice& b) {
      return std::tuple(a.at_mm,
                        a.frame.acquisition_number,
                        a.frame.header->acquired,
                        a.frame.header->sop_uid) < std::tuple(b.at_mm,
                                                              b.frame.acquisition_number,
                                                              b.frame.header->acquired,
                                                              b.frame.header->sop_uid);
    });
  }
  return groups;
}

// The step that most neighbours have; the smaller of two equally common ones.
double CommonStepMm(const Chain& group) {
  std::map<int64_t, int> counts;  // in hundredths of a millimetre
  for (std::size_t i = 1; i < group.size(); ++i) {
    const auto step = std::llround(100 * (group[i].at_mm - group[i - 1].at_mm));
    if (step > 1) ++counts[step];
  }
  const auto best =
      std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
        return a.second < b.second;
      });
  return best == counts.end() ? 0 : static_cast<double>(best->first) / 100;
}

// Each slice continues the chain that ends one step below it: of its own acquisition first, then
// the shorter one, because stations of one series have about equal lengths.
std::vector<Chain> ChainsWithStep(const Chain& group, double step_mm) {
  std::vector<Chain> chains;
  for (const Slice& slice : group) {
    Chain* best = nullptr;
    for (Chain& chain : chains) {
      const double gap_mm = slice.at_mm - chain.back().at_mm;
      if (std::abs(gap_mm - step_mm) > 2 * kUnevenFrac * step_mm + 0.02) continue;
      const auto rank = [&](const Chain& c) {
        return std::pair(c.back().frame.acquisition_number != slice.frame.acquisition_number,
                         c.size());
      };
      if (best == nullptr || rank(chain) < rank(*best)) best = &chain;
    }
    if (best == nullptr) {
      chains.push_back({slice});
    } else {
      best->push_back(slice);
    }
  }
  return chains;
}

std::vector<Chain> ChainsOf(const Chain& group, double& step_mm) {
  std::vector<Chain> best = {};
  for (const double candidate : {group.front().frame.slice_step_mm, CommonStepMm(group)}) {
    if (!(candidate > 0)) continue;
    std::vector<Chain> chains = ChainsWithStep(group, candidate);
    if (best.empty() || chains.size() < best.size()) {
      best = std::move(chains);
      step_mm = candidate;
    }
  }
  if (best.empty()) {  // copies of one slice, and no step said
    for (const Slice& slice : group) best.push_back({slice});
  }
  return best;
}

// Stations that touch without overlap have the table's step in one chain; their Acquisition
// Numbers stand in blocks. Interleaved slices alternate and stay together.
std::vector<Chain> SplitAtAcquisitions(const Chain& chain) {
  std::vector<Chain> blocks;
  for (const Slice& slice : chain) {
    if (blocks.empty() ||
        blocks.back().back().frame.acquisition_number != slice.frame.acquisition_number) {
      blocks.emplace_back();
    }
    blocks.back().push_back(slice);
  }
  const bool all_long = std::all_of(blocks.begin(), blocks.end(), [](const Chain& block) {
    return block.size() >= kSmallestBlock;
  });
  return all_long ? blocks : std::vector<Chain>{chain};
}

Stack MakeStack(const Chain& chain, double step_mm) {
  Stack stack;
  for (const Slice& slice : chain) stack.slices.push_back(slice.frame);
  const Frame& f = chain.front().frame;
  const auto num_slices = static_cast<int64_t>(chain.size());
  const double length_mm = chain.back().at_mm - chain.front().at_mm;
  if (num_slices > 1) step_mm = length_mm / static_cast<double>(num_slices - 1);
  if (!(step_mm > 0)) step_mm = f.thickness_mm > 0 ? f.thickness_mm : 1;
  for (std::size_t i = 0; i < chain.size() && stack.fault.empty(); ++i) {
    const double want_mm = chain.front().at_mm + static_cast<double>(i) * step_mm;
    if (std::abs(chain[i].at_mm - want_mm) > kUnevenFrac * step_mm + 0.02) {
      stack.fault = fmt::format(
          "slice {} of {} lies {:.3f} mm along the normal where even steps of {:.3f} mm put it at "
          "{:.3f} mm; slices must be evenly spaced: export the series again",
          i + 1,
          num_slices,
          chain[i].at_mm,
          step_mm,
          want_mm);
    }
  }
  // The axes are within 1e-3 of orthonormal: exact ones by Gram and Schmidt.
  const double nu = std::sqrt(Dot(f.along_row, f.along_row));
  const XyzDouble u{f.along_row.x / nu, f.along_row.y / nu, f.along_row.z / nu};
  const double dot = Dot(u, f.along_column);
  XyzDouble v{
      f.along_column.x - dot * u.x, f.along_column.y - dot * u.y, f.along_column.z - dot * u.z};
  const double nv = std::sqrt(Dot(v, v));
  v = {v.x / nv, v.y / nv, v.z / nv};
  const XyzDouble n{u.y * v.z - u.z * v.y, u.z * v.x - u.x * v.z, u.x * v.y - u.y * v.x};
  for (std::size_t r = 0; r < 3; ++r) stack.grid.direction[r] = {u[r], v[r], n[r]};
  stack.grid.size_vox = {f.columns, f.rows, num_slices};
  stack.grid.spacing_mm = {f.column_step_mm, f.row_step_mm, step_mm};
  stack.grid.origin_mm = f.position_mm;
  return stack;
}

// Two pieces of one acquisition, on one line and a whole number of steps apart, are one volume
// that lacks slices.
std::string GapFault(const Chain& below, const Chain& above, double step_mm) {
  if (below.back().frame.acquisition_number != above.front().frame.acquisition_number) return "";
  const double steps = (above.front().at_mm - below.back().at_mm) / step_mm;
  const auto whole = static_cast<int>(std::lround(steps));
  if (whole < 2 || whole > kLargestGapSlices || std::abs(steps - whole) > 0.1) return "";
  const XyzDouble normal = Normal(below.back().frame);
  const XyzDouble& last_mm = below.back().frame.position_mm;
  std::vector<std::string> places;
  for (int i = 1; i < whole; ++i) {
    const double d = i * step_mm;
    places.push_back(fmt::format("({:.2f}, {:.2f}, {:.2f})",
                                 last_mm.x + d * normal.x,
                                 last_mm.y + d * normal.y,
                                 last_mm.z + d * normal.z));
  }
  return fmt::format(
      "{} of its slices {} missing, with Image Position at {} mm LPS; slices lie {:g} mm apart and "
      "none may be missing: export the series again, or move it out of the folder",
      places.size(),
      places.size() == 1 ? "is" : "are",
      fmt::join(places, ", "),
      step_mm);
}

void AddStacks(const Chain& group, std::vector<Stack>& stacks) {
  double step_mm = 0;
  std::vector<Chain> chains;
  for (const Chain& chain : ChainsOf(group, step_mm)) {
    for (Chain& block : SplitAtAcquisitions(chain)) chains.push_back(std::move(block));
  }
  const std::size_t first = stacks.size();
  for (const Chain& chain : chains) stacks.push_back(MakeStack(chain, step_mm));
  for (std::size_t a = 0; a < chains.size(); ++a) {
    for (std::size_t b = 0; b < chains.size(); ++b) {
      const std::string fault = a == b ? "" : GapFault(chains[a], chains[b], step_mm);
      if (!fault.empty()) stacks[first + a].fault = stacks[first + b].fault = fault;
    }
  }
}

Stack StackByInstanceNumber(Chain group) {
  std::stable_sort(group.begin(), group.end(), [](const Slice& a, const Slice& b) {
    return a.frame.instance_number < b.frame.instance_number;
  });
  Chain even = group;  // as if every slice lay one step beyond the one before
  const double length_mm = std::abs(group.back().at_mm - group.front().at_mm);
  const auto steps = static_cast<double>(std::max<std::size_t>(group.size() - 1, 1));
  for (std::size_t i = 0; i < even.size(); ++i) {
    even[i].at_mm = static_cast<double>(i) * length_mm / steps;
  }
  return MakeStack(even, length_mm / steps);
}

}  // namespace

std::vector<Stack> StackSlices(const std::vector<Frame>& frames, bool by_instance_number) {
  std::vector<Stack> stacks;
  for (const Chain& group : GroupsOf(frames)) {
    if (by_instance_number) {
      stacks.push_back(StackByInstanceNumber(group));
    } else {
      AddStacks(group, stacks);
    }
  }
  return stacks;
}

}  // namespace sap::preprocess::dicom
