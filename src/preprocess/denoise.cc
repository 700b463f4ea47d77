// SPDX-License-Identifier: Apache-2.0
#include "sap/preprocess/denoise.h"

#include <algorithm>

#include <itkGradientAnisotropicDiffusionImageFilter.h>

#include "preprocess/itk_bridge.h"
#include "sap/core/error.h"

namespace sap::preprocess {

Volume Denoise(const Volume& image, const DenoiseOptions& options) {
  if (options.iterations == 0) return image;
  const XyzDouble& spacing_mm = image.geometry().spacing_mm;
  // ITK's bound for 3-D: beyond it the explicit scheme oscillates and ITK only warns.
  const double stable = std::min({spacing_mm.x, spacing_mm.y, spacing_mm.z}) / 16.0;
  SAP_REQUIRE(ErrorKind::kOption,
              options.time_step <= stable,
              "denoise.time_step: {:g} is unstable at {} mm; it must be at most {:.4g}",
              options.time_step,
              spacing_mm,
              stable);
  // The filter reads one voxel to each side; a single slice has no such neighbour along its axis,
  // which its zero-flux border handles.
  LimitItkThreads();
  auto filter = itk::GradientAnisotropicDiffusionImageFilter<ItkImage, ItkImage>::New();
  filter->SetInput(ToItk(image));
  filter->SetConductanceParameter(options.conductance);
  filter->SetNumberOfIterations(static_cast<unsigned>(options.iterations));
  filter->SetTimeStep(options.time_step);
  filter->Update();
  return image.WithData(FromItk(*filter->GetOutput()).data());
}

}  // namespace sap::preprocess
