// SPDX-License-Identifier: Apache-2.0
#include "sap/nn/weights_io.h"

#include <ATen/ATen.h>

#include "nn/weights_io_map.h"
#include "sap/core/error.h"

namespace sap::nn {

const Tensor* NamedTensors::Find(std::string_view name) const {
  for (const auto& [candidate, tensor] : entries) {
    if (candidate == name) return &tensor;
  }
  return nullptr;
}

std::filesystem::path WeightsFile(const std::filesystem::path& path) {
  if (!std::filesystem::is_directory(path)) return path;
  const std::filesystem::path file = path / kModelFileName;
  SAP_REQUIRE(ErrorKind::kInput,
              std::filesystem::exists(file),
              "{}: a folder without {}; give a checkpoint folder (checkpoints/step-...) or a "
              ".safetensors or .pt file",
              path.filename().string(),
              kModelFileName);
  return file;
}

NamedTensors ReadWeights(const std::filesystem::path& path) {
  const std::filesystem::path file = WeightsFile(path);
  const std::shared_ptr<PrivateMap> map = PrivateMap::Open(file);
  const auto bytes = map->bytes();
  const bool is_zip = bytes.size() >= 4 && LoadLittleEndian<uint32_t>(bytes, 0) == 0x04034b50;
  if (is_zip || bytes[0] == std::byte{0x80}) return ReadPt(file);
  SAP_REQUIRE(ErrorKind::kInput,
              bytes.size() > 8 && bytes[8] == std::byte{'{'},
              "{}: neither safetensors nor a file of torch.save; give one of these",
              map->name());
  return ReadSafetensors(file);
}

void WriteWeights(const std::filesystem::path& path, const NamedTensors& weights) {
  const std::string extension = path.extension().string();
  if (extension == ".safetensors") return WriteSafetensors(path, weights);
  SAP_REQUIRE(ErrorKind::kOption,
              extension == ".pt" || extension == ".pth",
              "{}: weights are written as .safetensors, .pt or .pth, not '{}'",
              path.filename().string(),
              extension);
  WritePt(path, weights);
}

}  // namespace sap::nn
