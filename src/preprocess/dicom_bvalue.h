// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <gdcmDataSet.h>

#include "preprocess/dicom_frame.h"

namespace sap::preprocess::dicom {

// GE adds 1e9 to the b-values of multi-b and synthetic series; the true value is what remains.
double WithoutGeOffset(double b_s_per_mm2);

// Fills b-value, gradient and directionality of `frame` from one data set: the standard tags
// first, then those of Siemens, GE and Philips behind their private creators, at last Siemens'
// sequence name (ep_b1000t). What is not there stays as it is.
void ReadDiffusion(const gdcm::DataSet& data, const std::string& sequence_name, Frame& frame);

}  // namespace sap::preprocess::dicom
