// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include <gdcmDataSet.h>

#include "preprocess/dicom_frame.h"

namespace sap::preprocess::dicom {

// Which of the three facts that place a slice were found.
struct Placement {
  bool position = false;
  bool orientation = false;
  bool spacing = false;
};

// Fill what `data` holds (a file's top level or one functional group item); the rest stays.
void ReadPlacement(const gdcm::DataSet& data, Frame& frame, Placement& found);
void ReadScaling(const gdcm::DataSet& data, Frame& frame);
void AddTypeWords(const gdcm::DataSet& data, Frame& frame);

// What keeps a slice from being placed or scaled; empty when nothing does.
std::string PlacementFault(const Frame& frame, const Placement& found);

// One frame per item of the Per-frame Functional Groups, each with its own position, b-value and
// scale; `frame` and `found` hold what the top level says.
std::vector<Frame> EnhancedFrames(const gdcm::DataSet& data,
                                  const Frame& frame,
                                  const Placement& found,
                                  std::string& fault);

// The slices that a Siemens mosaic shows side by side in one picture.
std::vector<Frame> MosaicFrames(const gdcm::DataSet& data,
                                const Frame& frame,
                                const Placement& found,
                                std::string& fault);

}  // namespace sap::preprocess::dicom
