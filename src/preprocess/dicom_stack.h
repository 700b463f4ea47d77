// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "preprocess/dicom_frame.h"
#include "sap/image/geometry.h"

namespace sap::preprocess::dicom {

// Slices of one series that make one volume: same type, b-value, direction and echo, straight
// above each other, in order of position along the slice normal.
struct Stack {
  std::vector<Frame> slices;
  Geometry grid;      // axes: columns, rows, slices upward along the normal
  std::string fault;  // why it cannot be used: positions that lack a slice, uneven steps

  const SeriesHeader& header() const { return *slices.front().header; }
  const Frame& first() const { return slices.front(); }
};

// Sorts slices into stacks by position, orientation, b-value and type; Instance Numbers are not
// looked at unless by_instance_number. Several stations in one series come apart where positions,
// Acquisition Numbers or in-plane offsets say so; copies of a slice go to different stacks.
// by_instance_number is the authors' fault 6 (preprocessing §1.12): all slices of a series and
// b-value are one volume in the order of their Instance Numbers, evenly spaced from the first to
// the last, so that a reversed order mirrors it and a missing slice stretches the others.
std::vector<Stack> StackSlices(const std::vector<Frame>& frames, bool by_instance_number = false);

}  // namespace sap::preprocess::dicom
