// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "sap/core/files.h"
#include "sap/core/tensor.h"
#include "sap/data/volume_store.h"

// One case of the volume store on disk, native byte order:
//   "SAPCASE1" | header length (u64) | sha256 of the header (64 hex) | header (JSON) | blocks
// Blocks start at multiples of 4096 bytes: image [C, X, Y, Z], label and body [X, Y, Z] (uint8),
// points (int32 x, y, z).
namespace sap::data {

struct InputFile {
  std::string name;  // without its folder
  int64_t num_bytes = 0;
  int64_t modified_ns = 0;
  std::string sha256;
};

// Everything that a store file holds.
struct CaseContent {
  StoredCase info;
  Tensor image_CXYZ;  // float32, already normalised
  Tensor label_XYZ;   // uint8; undefined without a label
  Tensor body_XYZ;    // uint8
  std::vector<InputFile> inputs;
};

void WriteStoreFile(const fs::path& path,
                    const CaseContent& content,
                    StoreDtype dtype,
                    const std::string& options_hash);

class StoreFile {
 public:
  // Throws kInput, with what is wrong, for a file that is cut, altered or of another version.
  StoreFile(const fs::path& path, StoreCheck check);

  StoredCase& info() { return info_; }
  const StoredCase& info() const { return info_; }
  const std::vector<InputFile>& inputs() const { return inputs_; }
  const std::string& options_hash() const { return options_hash_; }
  int64_t num_channels() const { return num_channels_; }
  StoreDtype dtype() const { return dtype_; }
  const std::byte* image() const { return image_; }
  const uint8_t* label() const { return label_; }  // null without a label
  const uint8_t* body() const { return body_; }

 private:
  void ReadHeader(const nlohmann::json& header, StoreCheck check);
  const std::byte* Block(const nlohmann::json& header, const char* name, StoreCheck check) const;

  MappedFile file_;
  StoredCase info_;
  std::vector<InputFile> inputs_;
  std::string options_hash_;
  StoreDtype dtype_ = StoreDtype::kFloat32;
  int64_t num_channels_ = 0;
  const std::byte* image_ = nullptr;
  const uint8_t* label_ = nullptr;
  const uint8_t* body_ = nullptr;
};

}  // namespace sap::data
