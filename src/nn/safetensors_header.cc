// SPDX-License-Identifier: Apache-2.0
#include "nn/safetensors_header.h"

#include <algorithm>
#include <array>
#include <unordered_set>
#include <utility>

#include <nlohmann/json.hpp>

#include "nn/weights_io_map.h"
#include "sap/core/error.h"

namespace sap::nn {
namespace {

constexpr std::array<std::pair<std::string_view, at::ScalarType>, 10> kScalarTypes = {{
    {"F64", at::kDouble},
    {"F32", at::kFloat},
    {"F16", at::kHalf},
    {"BF16", at::kBFloat16},
    {"I64", at::kLong},
    {"I32", at::kInt},
    {"I16", at::kShort},
    {"I8", at::kChar},
    {"U8", at::kByte},
    {"BOOL", at::kBool},
}};
constexpr std::size_t kMaxDims = 64;  // LibTorch's own limit

// Accepts exactly {name: {dtype, shape, data_offsets}, "__metadata__": {text: text}}.
class HeaderSax : public nlohmann::json_sax<nlohmann::json> {
 public:
  HeaderSax(const std::string& file, SafetensorsHeader& header) : file_(file), header_(header) {}

  bool null() override { Refuse("null"); }
  bool boolean(bool) override { Refuse("a truth value"); }
  bool number_integer(number_integer_t) override { Refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { Refuse("a fraction"); }
  bool binary(binary_t&) override { Refuse("binary data"); }

  bool number_unsigned(number_unsigned_t value) override {
    if (place_ == Place::kShape) {
      if (value > INT64_MAX || Entry().shape.size() >= kMaxDims) Refuse("an extent too large");
      Entry().shape.push_back(static_cast<int64_t>(value));
    } else if (place_ == Place::kOffsets && num_offsets_ < 2) {
      (num_offsets_++ == 0 ? Entry().begin : Entry().end) = value;
    } else {
      Refuse("a number");
    }
    return true;
  }

  bool string(string_t& value) override {
    if (place_ == Place::kMetadata) {
      header_.metadata[key_] = value;
    } else if (place_ == Place::kTensor && key_ == "dtype") {
      Entry().dtype = ScalarTypeFromName(value, file_, Entry().name);
    } else {
      Refuse("text");
    }
    return true;
  }

  bool key(string_t& value) override {
    const bool is_first = place_ == Place::kRoot       ? names_.insert(value).second
                          : place_ == Place::kMetadata ? !header_.metadata.contains(value)
                                                       : !fields_.contains(value);
    SAP_REQUIRE(ErrorKind::kInput,
                is_first,
                "{}: '{}' stands twice in the header; each name must be unique",
                file_,
                Printable(value));
    if (place_ == Place::kTensor) fields_.insert(value);
    key_ = value;
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::kStart) {
      place_ = Place::kRoot;
    } else if (place_ == Place::kRoot && key_ == "__metadata__") {
      place_ = Place::kMetadata;
    } else if (place_ == Place::kRoot) {
      place_ = Place::kTensor;
      header_.entries.push_back({.name = key_});
      fields_.clear();
    } else {
      Refuse("an object");
    }
    return true;
  }

  bool end_object() override {
    if (place_ == Place::kTensor) {
      SAP_REQUIRE(ErrorKind::kInput,
                  fields_.size() == 3 && fields_.contains("dtype") && fields_.contains("shape") &&
                      fields_.contains("data_offsets"),
                  "{}: tensor '{}' needs exactly dtype, shape and data_offsets",
                  file_,
                  Printable(Entry().name));
    }
    place_ = place_ == Place::kRoot ? Place::kStart : Place::kRoot;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::kTensor || (key_ != "shape" && key_ != "data_offsets")) Refuse("a list");
    place_ = key_ == "shape" ? Place::kShape : Place::kOffsets;
    num_offsets_ = 0;
    return true;
  }

  bool end_array() override {
    if (place_ == Place::kOffsets && num_offsets_ != 2) Refuse("data_offsets without two numbers");
    place_ = Place::kTensor;
    return true;
  }

  bool parse_error(std::size_t position,
                   const std::string&,
                   const nlohmann::detail::exception&) override {
    Fail(ErrorKind::kInput,
         "{}: the header is not JSON at byte {}; the file is damaged or not safetensors",
         file_,
         position);
  }

 private:
  enum class Place { kStart, kRoot, kMetadata, kTensor, kShape, kOffsets };

  SafetensorsEntry& Entry() { return header_.entries.back(); }

  [[noreturn]] void Refuse(std::string_view what) {
    Fail(ErrorKind::kInput,
         "{}: the header has {} at '{}', where the safetensors format has none",
         file_,
         what,
         Printable(key_));
  }

  const std::string& file_;
  SafetensorsHeader& header_;
  Place place_ = Place::kStart;
  std::string key_;
  int num_offsets_ = 0;
  std::unordered_set<std::string> names_;
  std::unordered_set<std::string> fields_;
};

}  // namespace

at::ScalarType ScalarTypeFromName(std::string_view name,
                                  std::string_view file,
                                  std::string_view tensor) {
  for (const auto& [known, dtype] : kScalarTypes) {
    if (known == name) return dtype;
  }
  Fail(ErrorKind::kInput,
       "{}: tensor '{}' has element type '{}'; known are F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL",
       file,
       Printable(tensor),
       Printable(name));
}

std::string NameOfScalarType(at::ScalarType dtype, std::string_view tensor) {
  for (const auto& [name, known] : kScalarTypes) {
    if (known == dtype) return std::string(name);
  }
  Fail(ErrorKind::kInput,
       "tensor '{}' has element type {}, which no weights file of ours stores",
       Printable(tensor),
       c10::toString(dtype));
}

SafetensorsHeader ParseSafetensorsHeader(std::string_view json, const std::string& file) {
  SafetensorsHeader header;
  HeaderSax sax(file, header);
  nlohmann::json::sax_parse(json.begin(), json.end(), &sax);
  return header;
}

void RequireExactRanges(const SafetensorsHeader& header,
                        uint64_t num_data_bytes,
                        const std::string& file) {
  std::vector<const SafetensorsEntry*> by_begin;
  for (const SafetensorsEntry& entry : header.entries) {
    const int64_t numel = CheckedNumel(entry.shape);
    const uint64_t item_bytes = c10::elementSize(entry.dtype);
    uint64_t num_bytes = 0;
    SAP_REQUIRE(
        ErrorKind::kInput,
        numel >= 0 && !__builtin_mul_overflow(static_cast<uint64_t>(numel), item_bytes, &num_bytes),
        "{}: the shape of tensor '{}' overflows",
        file,
        Printable(entry.name));
    SAP_REQUIRE(ErrorKind::kInput,
                entry.begin <= entry.end && entry.end <= num_data_bytes,
                "{}: tensor '{}' has bytes {} to {}, but the file holds {}; it is cut short or "
                "damaged: copy it again",
                file,
                Printable(entry.name),
                entry.begin,
                entry.end,
                num_data_bytes);
    SAP_REQUIRE(ErrorKind::kInput,
                entry.end - entry.begin == num_bytes,
                "{}: tensor '{}' has {} bytes, but its shape needs {}",
                file,
                Printable(entry.name),
                entry.end - entry.begin,
                num_bytes);
    by_begin.push_back(&entry);
  }
  std::sort(by_begin.begin(), by_begin.end(), [](const auto* a, const auto* b) {
    return std::pair(a->begin, a->end) < std::pair(b->begin, b->end);
  });
  uint64_t filled = 0;
  for (const SafetensorsEntry* entry : by_begin) {
    SAP_REQUIRE(ErrorKind::kInput,
                entry->begin == filled,
                "{}: tensor '{}' starts at byte {}, but the one before ends at {}; ranges may "
                "have neither holes nor overlap",
                file,
                Printable(entry->name),
                entry->begin,
                filled);
    filled = entry->end;
  }
  SAP_REQUIRE(ErrorKind::kInput,
              filled == num_data_bytes,
              "{}: the tensors end at byte {} of {}; the rest belongs to none",
              file,
              filled,
              num_data_bytes);
}

}  // namespace sap::nn
