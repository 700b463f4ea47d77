// SPDX-License-Identifier: Apache-2.0
#include <array>
#include <map>
#include <optional>
#include <string>
#include <unordered_set>
#include <vector>

#include <ATen/ATen.h>

#include "nn/pickle_reader.h"
#include "nn/pickle_reader_globals.h"
#include "nn/weights_io_map.h"
#include "nn/zip_archive.h"
#include "sap/core/error.h"
#include "sap/nn/weights_io.h"

namespace sap::nn {
namespace {

constexpr std::size_t kMaxPickleBytes = std::size_t{32} << 20;
constexpr std::size_t kMaxMetadataBytes = 4096;  // of one scalar kept as text

// Where training scripts put the weights, in the order tried.
constexpr std::string_view kStateDictKeys[] = {
    "state_dict", "model", "model_state_dict", "network_weights"};

class PtArchive {
 public:
  explicit PtArchive(const std::shared_ptr<PrivateMap>& map) : zip_(map), file_(map->name()) {
    FindPrefix();
    RequireReadableForm();
    const ZipEntry& entry = *zip_.Find(prefix_ + "data.pkl");
    SAP_REQUIRE(ErrorKind::kInput,
                entry.size <= kMaxPickleBytes,
                "{}: data.pkl has {} bytes, more than weights can need ({})",
                file_,
                entry.size,
                kMaxPickleBytes);
    pickle_ = ReadPickle(zip_.VerifiedBytes(entry), file_);
  }

  NamedTensors Weights();

 private:
  void FindPrefix();
  void RequireReadableForm() const;
  const PickleValue& FindStateDict(std::string& key) const;
  bool HoldsTensors(const PickleValue& value) const;
  void ReadMetadata(const PickleValue& dict, NamedTensors& weights) const;
  void KeepScalars(const PickleValue& dict, std::string_view used_key, NamedTensors& weights) const;
  Tensor ReadTensor(const std::string& name, const PickleValue& value);
  Tensor ReadStorage(const std::string& name, const PickleValue& value);
  std::vector<int64_t> Integers(const std::string& name, uint32_t index) const;

  ZipArchive zip_;
  std::string file_;
  std::string prefix_;  // "archive/"
  Pickle pickle_;
  std::map<std::string, Tensor> storages_;
};

void PtArchive::FindPrefix() {
  for (const ZipEntry& entry : zip_.entries()) {
    const std::size_t slash = entry.name.find('/');
    if (slash != std::string::npos && entry.name.substr(slash + 1) == "data.pkl") {
      prefix_ = entry.name.substr(0, slash + 1);
      return;
    }
  }
  Fail(ErrorKind::kInput,
       "{}: a zip without <name>/data.pkl, so torch.save did not write it; give a .pt or "
       ".safetensors file",
       file_);
}

void PtArchive::RequireReadableForm() const {
  for (const ZipEntry& entry : zip_.entries()) {
    SAP_REQUIRE(
        ErrorKind::kInput,
        entry.name != prefix_ + "constants.pkl" && !entry.name.starts_with(prefix_ + "code/"),
        "{}: a TorchScript program, not weights; in Python save its state_dict() with "
        "torch.save",
        file_);
  }
  if (const ZipEntry* order = zip_.Find(prefix_ + "byteorder")) {
    const auto bytes = zip_.VerifiedBytes(*order);
    const std::string word(reinterpret_cast<const char*>(bytes.data()),
                           std::min(bytes.size(), 16UL));
    SAP_REQUIRE(ErrorKind::kInput,
                word == "little",
                "{}: byte order '{}'; only little-endian files are read: save it again on such "
                "a machine",
                file_,
                Printable(word));
  }
}

bool PtArchive::HoldsTensors(const PickleValue& value) const {
  if (value.kind != PickleKind::kDict) return false;
  for (std::size_t i = 1; i < value.items.size(); i += 2) {
    if (pickle_[value.items[i]].kind == PickleKind::kTensor) return true;
  }
  return false;
}

const PickleValue& PtArchive::FindStateDict(std::string& key) const {
  const PickleValue& root = pickle_[pickle_.root];
  for (const std::string_view candidate : kStateDictKeys) {
    const PickleValue* found = pickle_.Find(root, candidate);
    if (found != nullptr && HoldsTensors(*found)) {
      key = candidate;
      return *found;
    }
  }
  SAP_REQUIRE(ErrorKind::kInput,
              HoldsTensors(root),
              "{}: holds a {} without weights; expected a dict of tensors, or one under "
              "state_dict, model, model_state_dict or network_weights",
              file_,
              PickleKindName(root.kind));
  return root;
}

NamedTensors PtArchive::Weights() {
  NamedTensors weights;
  std::string used_key;
  const PickleValue& root = pickle_[pickle_.root];
  const PickleValue& state = FindStateDict(used_key);
  ReadMetadata(root, weights);
  ReadMetadata(state, weights);
  if (&state != &root) KeepScalars(root, used_key, weights);
  KeepScalars(state, "", weights);
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i + 1 < state.items.size(); i += 2) {
    const PickleValue& key = pickle_[state.items[i]];
    const PickleValue& value = pickle_[state.items[i + 1]];
    if (value.kind != PickleKind::kTensor) continue;
    SAP_REQUIRE(ErrorKind::kInput,
                key.kind == PickleKind::kText && names.insert(key.text).second,
                "{}: tensor {} has {}; names must be text and unique",
                file_,
                names.size() + 1,
                key.kind == PickleKind::kText ? "the name '" + Printable(key.text) + "' again"
                                              : "no text for a name");
    weights.entries.emplace_back(key.text, ReadTensor(key.text, value));
  }
  return weights;
}

void PtArchive::ReadMetadata(const PickleValue& dict, NamedTensors& weights) const {
  const PickleValue* metadata = pickle_.Find(dict, "sap_metadata");
  if (metadata == nullptr && dict.attributes != UINT32_MAX) {
    metadata = pickle_.Find(pickle_[dict.attributes], "sap_metadata");
  }
  if (metadata == nullptr || metadata->kind != PickleKind::kDict) return;
  for (std::size_t i = 0; i + 1 < metadata->items.size(); i += 2) {
    const PickleValue& key = pickle_[metadata->items[i]];
    const PickleValue& value = pickle_[metadata->items[i + 1]];
    if (key.kind == PickleKind::kText && value.kind == PickleKind::kText) {
      weights.metadata[key.text] = value.text;
    }
  }
}

void PtArchive::KeepScalars(const PickleValue& dict,
                            std::string_view used_key,
                            NamedTensors& weights) const {
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& key = pickle_[dict.items[i]];
    const PickleValue& value = pickle_[dict.items[i + 1]];
    if (key.kind != PickleKind::kText || key.text == used_key || key.text == "sap_metadata")
      continue;
    if (value.kind == PickleKind::kInteger) {
      weights.metadata[key.text] = std::to_string(value.integer);
    } else if (value.kind == PickleKind::kBool) {
      weights.metadata[key.text] = value.integer != 0 ? "true" : "false";
    } else if (value.kind == PickleKind::kReal) {
      weights.metadata[key.text] = fmt::format("{}", value.real);
    } else if (value.kind == PickleKind::kText && value.text.size() <= kMaxMetadataBytes) {
      weights.metadata[key.text] = value.text;
    } else if (value.kind != PickleKind::kTensor || !used_key.empty()) {
      weights.notes.push_back(fmt::format(
          "'{}' ({}) was left unread", Printable(key.text), PickleKindName(value.kind)));
    }
  }
}

std::vector<int64_t> PtArchive::Integers(const std::string& name, uint32_t index) const {
  const PickleValue& tuple = pickle_[index];
  SAP_REQUIRE(ErrorKind::kInput,
              tuple.kind == PickleKind::kTuple && tuple.items.size() <= 64,
              "{}: tensor '{}' has no tuple of at most 64 sizes or strides",
              file_,
              Printable(name));
  std::vector<int64_t> values;
  for (const uint32_t item : tuple.items) {
    SAP_REQUIRE(ErrorKind::kInput,
                pickle_[item].kind == PickleKind::kInteger && pickle_[item].integer >= 0,
                "{}: tensor '{}' has a size or stride that is negative or no integer",
                file_,
                Printable(name));
    values.push_back(pickle_[item].integer);
  }
  return values;
}

// 1 + the largest element index, or nothing on overflow.
std::optional<int64_t> ReachOf(int64_t offset,
                               const std::vector<int64_t>& sizes,
                               const std::vector<int64_t>& strides) {
  int64_t reach = 0;
  if (__builtin_add_overflow(offset, 1, &reach)) return std::nullopt;
  for (std::size_t d = 0; d < sizes.size(); ++d) {
    int64_t step = 0;
    if (sizes[d] == 0) return offset;
    if (__builtin_mul_overflow(sizes[d] - 1, strides[d], &step)) return std::nullopt;
    if (__builtin_add_overflow(reach, step, &reach)) return std::nullopt;
  }
  return reach;
}

Tensor PtArchive::ReadTensor(const std::string& name, const PickleValue& value) {
  const Tensor storage = ReadStorage(name, pickle_[value.items[0]]);
  const PickleValue& offset = pickle_[value.items[1]];
  const std::vector<int64_t> sizes = Integers(name, value.items[2]);
  const std::vector<int64_t> strides = Integers(name, value.items[3]);
  SAP_REQUIRE(
      ErrorKind::kInput,
      offset.kind == PickleKind::kInteger && offset.integer >= 0 && sizes.size() == strides.size(),
      "{}: tensor '{}' has a bad offset, or {} sizes but {} strides",
      file_,
      Printable(name),
      sizes.size(),
      strides.size());
  const int64_t numel = CheckedNumel(sizes);
  const std::optional<int64_t> reach = ReachOf(offset.integer, sizes, strides);
  // More elements than the storage has would come from stride 0, which could claim any memory.
  SAP_REQUIRE(ErrorKind::kInput,
              numel >= 0 && numel <= storage.numel() && reach && *reach <= storage.numel(),
              "{}: tensor '{}' ({} from {}) reaches beyond its storage of {} elements",
              file_,
              Printable(name),
              fmt::join(sizes, "x"),
              offset.integer,
              storage.numel());
  if (numel == 0) return at::empty(sizes, storage.options());
  return storage.as_strided(sizes, strides, offset.integer).contiguous();
}

Tensor PtArchive::ReadStorage(const std::string& name, const PickleValue& value) {
  const std::string& key = pickle_[value.items[2]].text;
  const int64_t numel = pickle_[value.items[4]].integer;
  const std::string& type = pickle_[value.items[1]].text;
  const std::optional<at::ScalarType> dtype = StorageScalarType(type);
  SAP_REQUIRE(ErrorKind::kInput,
              dtype.has_value(),
              "{}: tensor '{}' has storage type '{}', which is not known",
              file_,
              Printable(name),
              Printable(type));
  const auto found = storages_.find(key);
  if (found != storages_.end() && found->second.scalar_type() == *dtype) return found->second;
  const ZipEntry* entry = zip_.Find(prefix_ + "data/" + key);
  SAP_REQUIRE(ErrorKind::kInput,
              entry != nullptr,
              "{}: tensor '{}' needs zip entry 'data/{}', which is missing",
              file_,
              Printable(name),
              Printable(key));
  const std::size_t item_bytes = c10::elementSize(*dtype);
  SAP_REQUIRE(ErrorKind::kInput,
              numel >= 0 && entry->size % item_bytes == 0 &&
                  static_cast<std::size_t>(numel) == entry->size / item_bytes,
              "{}: tensor '{}' claims {} elements of {}, but 'data/{}' has {} bytes",
              file_,
              Printable(name),
              numel,
              c10::toString(*dtype),
              Printable(key),
              entry->size);
  zip_.VerifiedBytes(*entry);
  return storages_[key] = TensorOnMap(zip_.map(), entry->begin, {numel}, *dtype, name);
}

}  // namespace

NamedTensors ReadPt(const std::filesystem::path& path) {
  const std::shared_ptr<PrivateMap> map = PrivateMap::Open(path);
  const auto bytes = map->bytes();
  // Before torch 1.6 a file began with a pickled magic number: PROTO 2, LONG1 of 10 bytes.
  SAP_REQUIRE(ErrorKind::kInput,
              bytes.size() < 3 || bytes[0] != std::byte{0x80} || bytes[2] != std::byte{0x8a},
              "{}: the format of torch before 1.6; load it in Python and save it again with "
              "torch.save",
              map->name());
  SAP_REQUIRE(ErrorKind::kInput,
              bytes.size() >= 4 && LoadLittleEndian<uint32_t>(bytes, 0) == 0x04034b50,
              "{}: not a file of torch.save (no zip)",
              map->name());
  return PtArchive(map).Weights();
}

}  // namespace sap::nn
