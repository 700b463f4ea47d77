// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <itkImage.h>

#include "sap/core/error.h"
#include "sap/image/volume.h"

namespace sap::preprocess {

using ItkImage = itk::Image<float, 3>;
using ItkMask = itk::Image<unsigned char, 3>;

// Copies between our z-fastest volumes and ITK's x-fastest images; the grid goes along.
ItkImage::Pointer ToItk(const Volume& volume);
ItkMask::Pointer MaskToItk(const Volume& mask);
Volume FromItk(const ItkImage& image);

// ITK's own pool follows the process's thread number; called before each filter.
void LimitItkThreads();

}  // namespace sap::preprocess
