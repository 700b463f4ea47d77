// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sap::nn {

// A value of a pickle, with its children by index: cycles and deep nesting cost no recursion.
enum class PickleKind : uint8_t {
  kNone,
  kBool,     // integer
  kInteger,  // integer
  kReal,     // real
  kText,     // text
  kTuple,    // items
  kList,     // items
  kDict,     // items: key, value, key, value, ...
  kGlobal,   // text: "module.name", from the allow list
  kStorage,  // items: of the persistent id ('storage', type, key, location, numel)
  kTensor,   // items: storage, offset, sizes, strides
  kOpaque,   // an object that is never built; text: its class
};

struct PickleValue {
  PickleKind kind = PickleKind::kNone;
  int64_t integer = 0;
  double real = 0.0;
  std::string text;
  std::vector<uint32_t> items;
  uint32_t attributes = UINT32_MAX;  // what BUILD gave a dict: OrderedDict's own attributes
};

struct Pickle {
  std::vector<PickleValue> values;
  uint32_t root = 0;

  const PickleValue& operator[](uint32_t index) const { return values[index]; }
  // The value of a text key, nullptr when `dict` is none or lacks it.
  const PickleValue* Find(const PickleValue& dict, std::string_view key) const;
};

// The name of a kind, for messages.
std::string_view PickleKindName(PickleKind kind);

// Interprets the opcodes that torch.save writes (protocols 2 to 5) and nothing else. No name is
// looked up outside the allow list, nothing is called. Throws kInput naming `file`, and the
// opcode or the name that is not known.
Pickle ReadPickle(std::span<const std::byte> bytes, const std::string& file);

}  // namespace sap::nn
