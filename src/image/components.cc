// SPDX-License-Identifier: Apache-2.0
#include "sap/image/components.h"

#include <algorithm>
#include <limits>
#include <map>
#include <unordered_map>
#include <utility>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/core/parallel.h"
#include "sap/image/sparse_zeros.h"

namespace sap {
namespace {

// The first z >= `from` whose voxel is set, or size_z. Most of a mask is background: zeros are
// passed 64 bytes at a time.
template <typename T>
int32_t SkipZeros(const T* row, int32_t from, int32_t size_z) {
  constexpr auto kStep = static_cast<int32_t>(64 / sizeof(T));
  for (; from + kStep <= size_z; from += kStep) {
    T any = 0;
    for (int32_t i = 0; i < kStep; ++i) any = static_cast<T>(any | row[from + i]);
    if (any != 0) break;
  }
  while (from < size_z && row[from] == 0) ++from;
  return from;
}

template <typename T>
void AppendRuns(const T* row, int32_t size_z, std::vector<RowRun>& runs) {
  for (int32_t z = SkipZeros(row, 0, size_z); z < size_z; z = SkipZeros(row, z, size_z)) {
    const int32_t begin_z = z;
    while (z < size_z && row[z] != 0) ++z;
    runs.push_back({begin_z, z});
  }
}

template <typename T>
RunTable FindRuns(const T* mask, int64_t num_rows, int32_t size_z) {
  constexpr int64_t kRowsOfPart = 256;
  const int64_t num_parts = (num_rows + kRowsOfPart - 1) / kRowsOfPart;
  std::vector<std::vector<RowRun>> parts(static_cast<std::size_t>(num_parts));
  RunTable table;
  table.first_of_row.assign(static_cast<std::size_t>(num_rows) + 1, 0);
  ParallelFor(num_parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      std::vector<RowRun>& runs = parts[static_cast<std::size_t>(part)];
      const int64_t last_row = std::min(num_rows, (part + 1) * kRowsOfPart);
      for (int64_t row = part * kRowsOfPart; row < last_row; ++row) {
        const std::size_t before = runs.size();
        AppendRuns(mask + row * size_z, size_z, runs);
        table.first_of_row[static_cast<std::size_t>(row) + 1] =
            static_cast<int64_t>(runs.size() - before);
      }
    }
  });
  for (std::size_t r = 1; r < table.first_of_row.size(); ++r) {
    table.first_of_row[r] += table.first_of_row[r - 1];
  }
  SAP_REQUIRE(ErrorKind::kInput,
              table.first_of_row.back() < std::numeric_limits<int32_t>::max(),
              "a mask with {} runs of voxels has too many for 32-bit labels; is it a mask?",
              table.first_of_row.back());
  table.runs.reserve(static_cast<std::size_t>(table.first_of_row.back()));
  for (const auto& part : parts) {
    table.runs.insert(table.runs.end(), part.begin(), part.end());
  }
  return table;
}

RunTable FindRuns(const Tensor& mask_XYZ) {
  const Tensor mask = mask_XYZ.contiguous();
  const int64_t num_rows = mask.size(0) * mask.size(1);
  const auto size_z = static_cast<int32_t>(mask.size(2));
  const void* data = mask.data_ptr();
  switch (mask.element_size()) {
    case 1:
      return FindRuns(static_cast<const uint8_t*>(data), num_rows, size_z);
    case 2:
      return FindRuns(static_cast<const uint16_t*>(data), num_rows, size_z);
    case 4:
      return FindRuns(static_cast<const uint32_t*>(data), num_rows, size_z);
    default:
      SAP_CHECK(mask.element_size() == 8, "components of {}", ShapeString(mask));
      return FindRuns(static_cast<const uint64_t*>(data), num_rows, size_z);
  }
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
  int64_t a = table.first_of_row[static_cast<std::size_t>(row_a)];
  int64_t b = table.first_of_row[static_cast<std::size_t>(row_b)];
  const int64_t end_a = table.first_of_row[static_cast<std::size_t>(row_a) + 1];
  const int64_t end_b = table.first_of_row[static_cast<std::size_t>(row_b) + 1];
  while (a < end_a && b < end_b) {
    const RowRun& run_a = table.runs[static_cast<std::size_t>(a)];
    const RowRun& run_b = table.runs[static_cast<std::size_t>(b)];
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

// Numbers the roots in C order, gathers each component, and gives every run its label.
std::vector<Component> NumberComponents(int64_t size_y, RunSets& sets, RunTable& table) {
  std::vector<Component> list;
  const auto num_rows = static_cast<int64_t>(table.first_of_row.size()) - 1;
  for (int64_t row = 0; row < num_rows; ++row) {
    for (int64_t i = table.first_of_row[static_cast<std::size_t>(row)];
         i < table.first_of_row[static_cast<std::size_t>(row) + 1];
         ++i) {
      RowRun& run = table.runs[static_cast<std::size_t>(i)];
      const XyzInt begin_vox{row / size_y, row % size_y, run.begin_z};
      const int32_t root = sets.Root(static_cast<int32_t>(i));
      if (root == i) {
        run.label = static_cast<int32_t>(list.size() + 1);
        list.push_back({run.label, 0, {begin_vox, begin_vox}, begin_vox});
      }
      run.label = table.runs[static_cast<std::size_t>(root)].label;  // the root came before
      Extend(list[static_cast<std::size_t>(run.label) - 1], begin_vox, run.end_z);
    }
  }
  return list;
}

// int32 map of the runs' labels.
Tensor PaintLabels(const RunTable& table, const XyzInt& size_vox) {
  constexpr int64_t kRowsPerRun = 8;  // more than that: most pages stay untouched
  const int64_t num_rows = size_vox.x * size_vox.y;
  const bool is_sparse = std::ssize(table.runs) * kRowsPerRun < num_rows;
  Tensor labels_XYZ =
      is_sparse ? SparseZeros(size_vox) : at::empty({size_vox.x, size_vox.y, size_vox.z}, at::kInt);
  int32_t* labels = labels_XYZ.data_ptr<int32_t>();
  ParallelFor(num_rows, 1024, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      int32_t* out = labels + row * size_vox.z;
      if (!is_sparse) std::fill(out, out + size_vox.z, 0);
      for (int64_t i = table.first_of_row[static_cast<std::size_t>(row)];
           i < table.first_of_row[static_cast<std::size_t>(row) + 1];
           ++i) {
        const RowRun& run = table.runs[static_cast<std::size_t>(i)];
        std::fill(out + run.begin_z, out + run.end_z, run.label);
      }
    }
  });
  return labels_XYZ;
}

// Runs of one value above 0, with the value as label.
template <typename T>
RunTable FindValueRuns(const T* values, int64_t num_rows, int32_t size_z) {
  RunTable table;
  table.first_of_row.push_back(0);
  for (int64_t r = 0; r < num_rows; ++r, values += size_z) {
    for (int32_t z = SkipZeros(values, 0, size_z); z < size_z; z = SkipZeros(values, z, size_z)) {
      const int32_t begin_z = z;
      while (z < size_z && values[z] == values[begin_z]) ++z;
      const auto value = static_cast<int32_t>(values[begin_z]);
      if (value > 0) table.runs.push_back({begin_z, z, value});
    }
    table.first_of_row.push_back(std::ssize(table.runs));
  }
  return table;
}

RunTable FindValueRuns(const Tensor& labels_XYZ) {
  const int64_t num_rows = labels_XYZ.size(0) * labels_XYZ.size(1);
  const auto size_z = static_cast<int32_t>(labels_XYZ.size(2));
  if (labels_XYZ.scalar_type() == at::kShort) {
    const Tensor values = labels_XYZ.contiguous();
    return FindValueRuns(values.data_ptr<int16_t>(), num_rows, size_z);
  }
  const Tensor values = labels_XYZ.to(at::kInt).contiguous();
  return FindValueRuns(values.data_ptr<int32_t>(), num_rows, size_z);
}

}  // namespace

Components LabelComponents(const Tensor& mask_XYZ, Connectivity connectivity) {
  SAP_CHECK(mask_XYZ.dim() == 3 && mask_XYZ.device().is_cpu() && !mask_XYZ.is_floating_point(),
            "components of {}",
            ShapeString(mask_XYZ));
  const XyzInt size_vox{mask_XYZ.size(0), mask_XYZ.size(1), mask_XYZ.size(2)};
  Components result{.table = FindRuns(mask_XYZ)};
  RunSets sets(result.table.runs.size());
  UniteNeighbours(result.table, size_vox.x, size_vox.y, connectivity, sets);
  result.list = NumberComponents(size_vox.y, sets, result.table);
  result.labels_XYZ = PaintLabels(result.table, size_vox);
  return result;
}

Components LabelInstances(const Tensor& labels_XYZ) {
  SAP_CHECK(
      labels_XYZ.dim() == 3 && labels_XYZ.device().is_cpu() && !labels_XYZ.is_floating_point(),
      "instances of {}",
      ShapeString(labels_XYZ));
  const XyzInt size_vox{labels_XYZ.size(0), labels_XYZ.size(1), labels_XYZ.size(2)};
  Components result{.table = FindValueRuns(labels_XYZ)};
  std::unordered_map<int32_t, int32_t> label_of_value;
  for (int64_t row = 0; row < size_vox.x * size_vox.y; ++row) {
    const auto begin =
        static_cast<std::size_t>(result.table.first_of_row[static_cast<std::size_t>(row)]);
    const auto end =
        static_cast<std::size_t>(result.table.first_of_row[static_cast<std::size_t>(row) + 1]);
    for (std::size_t i = begin; i < end; ++i) {
      RowRun& run = result.table.runs[i];
      const XyzInt begin_vox{row / size_vox.y, row % size_vox.y, run.begin_z};
      const auto next = static_cast<int32_t>(result.list.size()) + 1;
      const auto [place, is_new] = label_of_value.emplace(run.label, next);
      if (is_new) result.list.push_back({next, 0, {begin_vox, begin_vox}, begin_vox});
      run.label = place->second;
      Extend(result.list[static_cast<std::size_t>(run.label) - 1], begin_vox, run.end_z);
    }
  }
  result.labels_XYZ = PaintLabels(result.table, size_vox);
  return result;
}

std::vector<int64_t> ComponentSizes(const Components& components, Connectivity connectivity) {
  const RunTable& table = components.table;
  RunSets sets(table.runs.size());
  UniteNeighbours(
      table, components.labels_XYZ.size(0), components.labels_XYZ.size(1), connectivity, sets);
  std::map<int32_t, int64_t> size_of_root;  // roots are first runs: their order is the components'
  for (std::size_t i = 0; i < table.runs.size(); ++i) {
    size_of_root[sets.Root(static_cast<int32_t>(i))] += table.runs[i].end_z - table.runs[i].begin_z;
  }
  std::vector<int64_t> sizes_vox;
  for (const auto& [root, num_vox] : size_of_root) sizes_vox.push_back(num_vox);
  return sizes_vox;
}

}  // namespace sap
