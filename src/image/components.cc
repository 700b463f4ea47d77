// SPDX-License-Identifier: Apache-2.0
#include "sap/image/components.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"

namespace sap {
namespace {

// Foreground voxels begin_z <= z < end_z of one row (x, y).
struct Run {
  int32_t begin_z;
  int32_t end_z;
};

// All runs in C order; row r = x * Y + y owns runs [first_run[r], first_run[r + 1]).
struct RunTable {
  std::vector<Run> runs;
  std::vector<int64_t> first_run;
};

template <typename Visit>
void ForEachRun(const uint8_t* row, int32_t size_z, const Visit& visit) {
  int32_t z = 0;
  while (z < size_z) {
    while (z < size_z && row[z] == 0) ++z;
    if (z == size_z) return;
    const int32_t begin_z = z;
    while (z < size_z && row[z] != 0) ++z;
    visit(Run{begin_z, z});
  }
}

RunTable FindRuns(const uint8_t* mask, int64_t num_rows, int32_t size_z) {
  RunTable table;
  table.first_run.assign(static_cast<std::size_t>(num_rows) + 1, 0);
  const auto over_rows = [&](const auto& body) {
    ParallelFor(num_rows, 1024, [&](int64_t begin, int64_t end) {
      for (int64_t r = begin; r < end; ++r) body(r, mask + r * size_z);
    });
  };
  over_rows([&](int64_t r, const uint8_t* row) {
    int64_t num_runs = 0;
    ForEachRun(row, size_z, [&](const Run&) { ++num_runs; });
    table.first_run[static_cast<std::size_t>(r) + 1] = num_runs;
  });
  for (std::size_t r = 1; r < table.first_run.size(); ++r) {
    table.first_run[r] += table.first_run[r - 1];
  }
  SAP_REQUIRE(ErrorKind::kInput,
              table.first_run.back() < std::numeric_limits<int32_t>::max(),
              "a mask with {} runs of voxels has too many for 32-bit labels; is it a mask?",
              table.first_run.back());
  table.runs.resize(static_cast<std::size_t>(table.first_run.back()));
  over_rows([&](int64_t r, const uint8_t* row) {
    auto next = static_cast<std::size_t>(table.first_run[static_cast<std::size_t>(r)]);
    ForEachRun(row, size_z, [&](const Run& run) { table.runs[next++] = run; });
  });
  return table;
}

// Disjoint sets in which the smallest member is the root: the root of a component is its first
// run in C order, whatever the order of the unions.
class RunSets {
 public:
  explicit RunSets(std::size_t num_runs) : parent_(num_runs) {
    for (std::size_t i = 0; i < num_runs; ++i) parent_[i] = static_cast<int32_t>(i);
  }
  int32_t Root(int32_t i) {
    while (parent_[Index(i)] != i) {
      parent_[Index(i)] = parent_[Index(parent_[Index(i)])];  // path halving
      i = parent_[Index(i)];
    }
    return i;
  }
  void Unite(int32_t a, int32_t b) {
    a = Root(a);
    b = Root(b);
    if (a != b) parent_[Index(std::max(a, b))] = std::min(a, b);
  }

 private:
  static std::size_t Index(int32_t i) { return static_cast<std::size_t>(i); }
  std::vector<int32_t> parent_;
};

// Unites the runs of two rows that touch; `reach_z` is 1 where a step in z may come on top.
void UniteRows(
    const RunTable& table, int64_t row_a, int64_t row_b, int32_t reach_z, RunSets& sets) {
  int64_t a = table.first_run[static_cast<std::size_t>(row_a)];
  int64_t b = table.first_run[static_cast<std::size_t>(row_b)];
  const int64_t end_a = table.first_run[static_cast<std::size_t>(row_a) + 1];
  const int64_t end_b = table.first_run[static_cast<std::size_t>(row_b) + 1];
  while (a < end_a && b < end_b) {
    const Run& run_a = table.runs[static_cast<std::size_t>(a)];
    const Run& run_b = table.runs[static_cast<std::size_t>(b)];
    if (run_a.begin_z < run_b.end_z + reach_z && run_b.begin_z < run_a.end_z + reach_z) {
      sets.Unite(static_cast<int32_t>(a), static_cast<int32_t>(b));
    }
    (run_a.end_z < run_b.end_z ? a : b) += 1;
  }
}

void UniteNeighbours(const RunTable& table,
                     int64_t size_x,
                     int64_t size_y,
                     Connectivity connectivity,
                     RunSets& sets) {
  // A row beside (one step in x or y) and a row at the diagonal (a step in both).
  const int32_t beside_reach_z = connectivity == Connectivity::k6 ? 0 : 1;
  const int32_t diagonal_reach_z = connectivity == Connectivity::k26 ? 1 : 0;
  for (int64_t x = 0; x < size_x; ++x) {
    for (int64_t y = 0; y < size_y; ++y) {
      const int64_t row = x * size_y + y;
      if (y > 0) UniteRows(table, row - 1, row, beside_reach_z, sets);
      if (x == 0) continue;
      UniteRows(table, row - size_y, row, beside_reach_z, sets);
      if (connectivity == Connectivity::k6) continue;
      if (y > 0) UniteRows(table, row - size_y - 1, row, diagonal_reach_z, sets);
      if (y + 1 < size_y) UniteRows(table, row - size_y + 1, row, diagonal_reach_z, sets);
    }
  }
}

void Extend(Component& component, const XyzInt& begin_vox, int64_t end_z) {
  component.num_vox += end_z - begin_vox.z;
  Box& box = component.box;
  const XyzInt end_vox{begin_vox.x + 1, begin_vox.y + 1, end_z};
  for (std::size_t a = 0; a < 3; ++a) {
    box.begin_vox[a] = std::min(box.begin_vox[a], begin_vox[a]);
    box.end_vox[a] = std::max(box.end_vox[a], end_vox[a]);
  }
}

// Numbers the roots in C order and gathers each component; returns the label of every run.
std::vector<int32_t> NumberComponents(const RunTable& table,
                                      int64_t size_y,
                                      RunSets& sets,
                                      std::vector<Component>& list) {
  std::vector<int32_t> label_of_run(table.runs.size(), 0);
  const auto num_rows = static_cast<int64_t>(table.first_run.size()) - 1;
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int64_t i = table.first_run[static_cast<std::size_t>(row)];
         i < table.first_run[static_cast<std::size_t>(row) + 1];
         ++i) {
      const Run& run = table.runs[static_cast<std::size_t>(i)];
      const XyzInt begin_vox{row / size_y, row % size_y, run.begin_z};
      const int32_t root = sets.Root(static_cast<int32_t>(i));
      if (root == i) {
        const auto label = static_cast<int32_t>(list.size() + 1);
        list.push_back({label, 0, {begin_vox, begin_vox}, begin_vox});
        label_of_run[static_cast<std::size_t>(i)] = label;
      }
      const int32_t label = label_of_run[static_cast<std::size_t>(root)];
      label_of_run[static_cast<std::size_t>(i)] = label;
      Extend(list[static_cast<std::size_t>(label) - 1], begin_vox, run.end_z);
    }
  }
  return label_of_run;
}

}  // namespace

Components LabelComponents(const Tensor& mask_XYZ, Connectivity connectivity) {
  SAP_CHECK(mask_XYZ.dim() == 3 && mask_XYZ.device().is_cpu() && !mask_XYZ.is_floating_point(),
            "components of {}",
            ShapeString(mask_XYZ));
  const int64_t size_x = mask_XYZ.size(0);
  const int64_t size_y = mask_XYZ.size(1);
  const auto size_z = static_cast<int32_t>(mask_XYZ.size(2));
  const bool is_bytes = mask_XYZ.element_size() == 1;
  const Tensor bytes_XYZ = is_bytes ? mask_XYZ.contiguous() : mask_XYZ.ne(0).contiguous();
  const RunTable table =
      FindRuns(static_cast<const uint8_t*>(bytes_XYZ.data_ptr()), size_x * size_y, size_z);
  RunSets sets(table.runs.size());
  UniteNeighbours(table, size_x, size_y, connectivity, sets);
  Components result;
  const std::vector<int32_t> label_of_run = NumberComponents(table, size_y, sets, result.list);
  result.labels_XYZ = at::empty({size_x, size_y, size_z}, at::kInt);
  int32_t* labels = result.labels_XYZ.data_ptr<int32_t>();
  ParallelFor(size_x * size_y, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int32_t* out = labels + row * size_z;
      std::fill(out, out + size_z, 0);
      for (int64_t i = table.first_run[static_cast<std::size_t>(row)];
           i < table.first_run[static_cast<std::size_t>(row) + 1];
           ++i) {
        const Run& run = table.runs[static_cast<std::size_t>(i)];
        std::fill(out + run.begin_z, out + run.end_z, label_of_run[static_cast<std::size_t>(i)]);
      }
    }
  });
  return result;
}

}  // namespace sap
