// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/postprocess.h"

#include <algorithm>
#include <array>
#include <vector>

#include <ATen/ATen.h>

#include "sap/core/error.h"
#include "sap/image/components.h"

namespace sap::infer {

Tensor MajorityVote(const Tensor& labels_XYZ) {
  SAP_CHECK(labels_XYZ.dim() == 3 && labels_XYZ.scalar_type() == at::kByte,
            "{}",
            ShapeString(labels_XYZ));
  const Tensor source = labels_XYZ.contiguous();
  const Components components = LabelComponents(source != 0, Connectivity::k6);
  if (components.list.empty()) return source.clone();
  const auto num_labels = static_cast<std::size_t>(source.max().item<int64_t>()) + 1;
  const uint8_t* label = source.data_ptr<uint8_t>();
  const int32_t* component = components.labels_XYZ.data_ptr<int32_t>();
  std::vector<int64_t> votes((components.list.size() + 1) * num_labels, 0);
  for (int64_t i = 0; i < source.numel(); ++i) {
    ++votes[static_cast<std::size_t>(component[i]) * num_labels + label[i]];
  }
  std::vector<uint8_t> winner(components.list.size() + 1, 0);
  for (std::size_t c = 1; c < winner.size(); ++c) {
    const auto first = votes.begin() + static_cast<std::ptrdiff_t>(c * num_labels);
    // The first largest count is the smallest label of a tie.
    winner[c] = static_cast<uint8_t>(
        std::max_element(first, first + static_cast<std::ptrdiff_t>(num_labels)) - first);
  }
  Tensor voted = at::empty_like(source);
  uint8_t* out = voted.data_ptr<uint8_t>();
  for (int64_t i = 0; i < source.numel(); ++i) {
    out[i] = winner[static_cast<std::size_t>(component[i])];
  }
  return voted;
}

}  // namespace sap::infer
