// SPDX-License-Identifier: Apache-2.0
#include "preprocess/itk_bridge.h"

#include <algorithm>
#include <cstring>

#include <ATen/ATen.h>
#include <itkMultiThreaderBase.h>

#include "sap/core/parallel.h"

namespace sap::preprocess {
namespace {

template <typename Image>
typename Image::Pointer Allocated(const Geometry& grid) {
  typename Image::RegionType region;
  typename Image::SpacingType spacing;
  typename Image::PointType origin;
  typename Image::DirectionType direction;
  for (unsigned a = 0; a < 3; ++a) {
    region.SetSize(a, static_cast<itk::SizeValueType>(grid.size_vox[a]));
    spacing[a] = grid.spacing_mm[a];
    origin[a] = grid.origin_mm[a];
    for (unsigned r = 0; r < 3; ++r) direction[r][a] = grid.direction[r][a];
  }
  auto image = Image::New();
  image->SetRegions(region);
  image->SetSpacing(spacing);
  image->SetOrigin(origin);
  image->SetDirection(direction);
  image->Allocate();
  return image;
}

template <typename Image>
typename Image::Pointer Copied(const Volume& volume, at::ScalarType dtype) {
  auto image = Allocated<Image>(volume.geometry());
  const Tensor data_ZYX = volume.data().permute({2, 1, 0}).to(dtype).contiguous();
  std::memcpy(image->GetBufferPointer(), data_ZYX.const_data_ptr(), data_ZYX.nbytes());
  return image;
}

}  // namespace

ItkImage::Pointer ToItk(const Volume& volume) {
  return Copied<ItkImage>(volume, at::kFloat);
}

ItkMask::Pointer MaskToItk(const Volume& mask) {
  return Copied<ItkMask>(mask, at::kByte);
}

Volume FromItk(const ItkImage& image) {
  Geometry grid;
  const auto size = image.GetLargestPossibleRegion().GetSize();
  for (unsigned a = 0; a < 3; ++a) {
    grid.size_vox[a] = static_cast<int64_t>(size[a]);
    grid.spacing_mm[a] = image.GetSpacing()[a];
    grid.origin_mm[a] = image.GetOrigin()[a];
    for (unsigned r = 0; r < 3; ++r) grid.direction[r][a] = image.GetDirection()[r][a];
  }
  const Tensor data_ZYX =
      at::empty({grid.size_vox.z, grid.size_vox.y, grid.size_vox.x}, at::kFloat);
  std::memcpy(data_ZYX.data_ptr(), image.GetBufferPointer(), data_ZYX.nbytes());
  return {data_ZYX.permute({2, 1, 0}).contiguous(), grid};
}

void LimitItkThreads() {
  const auto threads = static_cast<itk::ThreadIdType>(std::max(NumThreads(), 1));
  itk::MultiThreaderBase::SetGlobalMaximumNumberOfThreads(threads);
  itk::MultiThreaderBase::SetGlobalDefaultNumberOfThreads(threads);
}

}  // namespace sap::preprocess
