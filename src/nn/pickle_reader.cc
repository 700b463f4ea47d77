// SPDX-License-Identifier: Apache-2.0
#include "nn/pickle_reader.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "nn/pickle_reader_globals.h"
#include "nn/pickle_reader_machine.h"

// Opcodes: CPython's pickletools; the ones of text protocols 0 and 1 are refused.
namespace sap::nn {
namespace {

constexpr std::size_t kMaxValues = 1'000'000;  // 100 times a Swin UNETR with its optimizer
constexpr std::size_t kMaxDictItems = 4 * kMaxValues;

}  // namespace

Pickle PickleMachine::Run() {
  while (true) {
    op_at_ = at_;
    const uint8_t op = Integer<uint8_t>();
    if (op == '.') break;
    if (!Constant(op) && !Container(op) && !Object(op) && !StackOrMemo(op)) {
      Refuse(fmt::format("opcode 0x{:02x}, which torch.save does not write", op));
    }
  }
  pickle_.root = Pop();
  return std::move(pickle_);
}

bool PickleMachine::Push(PickleValue value) {
  if (pickle_.values.size() >= kMaxValues) Refuse("more values than weights can need");
  pickle_.values.push_back(std::move(value));
  stack_.push_back(static_cast<uint32_t>(pickle_.values.size() - 1));
  return true;
}

bool PickleMachine::Constant(uint8_t op) {
  using Kind = PickleKind;
  switch (op) {
    case 0x80:  // PROTO
      if (const auto protocol = Integer<uint8_t>(); protocol < 2 || protocol > 5) {
        Refuse(fmt::format("protocol {}; 2 to 5 are known", protocol));
      }
      return true;
    case 0x95:
      return RequireBytes(Integer<uint64_t>()), true;  // FRAME
    case 'N':
      return Push({});
    case 0x88:
      return Push({.kind = Kind::kBool, .integer = 1});
    case 0x89:
      return Push({.kind = Kind::kBool, .integer = 0});
    case 'J':
      return Push({.kind = Kind::kInteger, .integer = static_cast<int32_t>(Integer<uint32_t>())});
    case 'K':
      return Push({.kind = Kind::kInteger, .integer = Integer<uint8_t>()});
    case 'M':
      return Push({.kind = Kind::kInteger, .integer = Integer<uint16_t>()});
    case 0x8a:
      return PushLong(Integer<uint8_t>()), true;  // LONG1
    case 0x8b:
      return PushLong(Integer<uint32_t>()), true;  // LONG4
    case 'G': {  // BINFLOAT, the one big-endian number of the format
      const uint64_t bits = __builtin_bswap64(Integer<uint64_t>());
      return Push({.kind = Kind::kReal, .real = std::bit_cast<double>(bits)});
    }
    case 'U':
    case 0x8c:
      return Push({.kind = Kind::kText, .text = Text(Integer<uint8_t>())});
    case 'T':
    case 'X':
      return Push({.kind = Kind::kText, .text = Text(Integer<uint32_t>())});
    case 0x8d:
      return Push({.kind = Kind::kText, .text = Text(Integer<uint64_t>())});
    case 'C':
      return Text(Integer<uint8_t>()), Push({.kind = Kind::kOpaque, .text = "bytes"});
    case 'B':
      return Text(Integer<uint32_t>()), Push({.kind = Kind::kOpaque, .text = "bytes"});
    case 0x8e:
      return Text(Integer<uint64_t>()), Push({.kind = Kind::kOpaque, .text = "bytes"});
    default:
      return false;
  }
}

bool PickleMachine::Container(uint8_t op) {
  using Kind = PickleKind;
  switch (op) {
    case ')':
      return Push({.kind = Kind::kTuple});
    case 't':
      return Push({.kind = Kind::kTuple, .items = PopMark()});
    case 0x85:
      return Push({.kind = Kind::kTuple, .items = PopCount(1)});
    case 0x86:
      return Push({.kind = Kind::kTuple, .items = PopCount(2)});
    case 0x87:
      return Push({.kind = Kind::kTuple, .items = PopCount(3)});
    case ']':
      return Push({.kind = Kind::kList});
    case 'l':
      return Push({.kind = Kind::kList, .items = PopMark()});
    case 'a':
      return AppendItems(PopCount(1)), true;
    case 'e':
      return AppendItems(PopMark()), true;
    case '}':
      return Push({.kind = Kind::kDict});
    case 'd': {
      const std::vector<uint32_t> items = PopMark();
      Push({.kind = Kind::kDict});
      return SetItems(items), true;
    }
    case 's':
      return SetItems(PopCount(2)), true;
    case 'u':
      return SetItems(PopMark()), true;
    case 0x8f:
      return Push({.kind = Kind::kOpaque, .text = "set"});
    case 0x90:
      return PopMark(), Top(), true;  // ADDITEMS
    case 0x91:
      return PopMark(), Push({.kind = Kind::kOpaque, .text = "frozenset"});
    default:
      return false;
  }
}

bool PickleMachine::Object(uint8_t op) {
  switch (op) {
    case 'c': {
      const std::string module = Line();
      return PushGlobal(module, Line()), true;
    }
    case 0x93: {  // STACK_GLOBAL
      const std::vector<uint32_t> names = PopCount(2);
      if (At(names[0]).kind != PickleKind::kText || At(names[1]).kind != PickleKind::kText) {
        Refuse("a name that is not text");
      }
      return PushGlobal(At(names[0]).text, At(names[1]).text), true;
    }
    case 'R':
    case 0x81:
      return Reduce(), true;  // REDUCE and NEWOBJ: a known name and its arguments
    case 'b': {               // BUILD
      const uint32_t state = Pop();
      if (PickleValue& object = At(Top()); object.kind == PickleKind::kDict) {
        object.attributes = state;
      }
      return true;
    }
    case 'Q':
      return PushStorage(), true;
    default:
      return false;
  }
}

bool PickleMachine::StackOrMemo(uint8_t op) {
  switch (op) {
    case '(':
      return marks_.push_back(stack_.size()), true;
    case '0':
      return Pop(), true;
    case '1':
      return PopMark(), true;
    case '2':
      return stack_.push_back(Top()), true;
    case 'q':
      return StoreMemo(Integer<uint8_t>());
    case 'r':
      return StoreMemo(Integer<uint32_t>());
    case 0x94:
      return StoreMemo(static_cast<uint32_t>(memo_.size()));
    case 'h':
      return PushMemo(Integer<uint8_t>());
    case 'j':
      return PushMemo(Integer<uint32_t>());
    default:
      return false;
  }
}

void PickleMachine::PushLong(std::size_t num_bytes) {
  RequireBytes(num_bytes);
  if (num_bytes > sizeof(int64_t)) {  // a seed of 128 bits is no weight
    at_ += num_bytes;
    Push({.kind = PickleKind::kOpaque, .text = "int"});
    return;
  }
  uint64_t value = 0;
  for (std::size_t i = 0; i < num_bytes; ++i) {
    value |= static_cast<uint64_t>(bytes_[at_ + i]) << (8 * i);
  }
  const std::size_t unused_bits = 64 - 8 * num_bytes;
  const bool is_negative = num_bytes > 0 && (value >> (8 * num_bytes - 1) & 1) != 0;
  if (is_negative && unused_bits > 0) value |= ~uint64_t{0} << (8 * num_bytes);
  at_ += num_bytes;
  Push({.kind = PickleKind::kInteger, .integer = static_cast<int64_t>(value)});
}

void PickleMachine::AppendItems(const std::vector<uint32_t>& items) {
  PickleValue& list = At(Top());
  if (list.kind == PickleKind::kOpaque) return;
  if (list.kind != PickleKind::kList) Refuse("an append to something that is no list");
  list.items.insert(list.items.end(), items.begin(), items.end());
}

void PickleMachine::SetItems(const std::vector<uint32_t>& items) {
  PickleValue& dict = At(Top());
  if (items.size() % 2 != 0) Refuse("a dict key without a value");
  if (dict.kind == PickleKind::kOpaque) return;
  if (dict.kind != PickleKind::kDict) Refuse("an item set on something that is no dict");
  num_dict_items_ += items.size();  // a list in the memo can fill many dicts
  if (num_dict_items_ > kMaxDictItems) Refuse("more dict items than weights can need");
  dict.items.insert(dict.items.end(), items.begin(), items.end());
}

void PickleMachine::PushGlobal(const std::string& module, const std::string& name) {
  const std::string full_name = module + "." + name;
  if (!FindGlobalUse(full_name)) {
    Fail(ErrorKind::kInput,
         "{}: the pickle asks for '{}', which is not on the list of names that weights need; {}",
         file_,
         Printable(full_name),
         AdviceForUnknownGlobal(full_name));
  }
  Push({.kind = PickleKind::kGlobal, .text = full_name});
}

void PickleMachine::PushStorage() {
  const PickleValue id = At(Pop());
  const bool is_storage =
      id.kind == PickleKind::kTuple && id.items.size() == 5 && At(id.items[0]).text == "storage" &&
      At(id.items[1]).kind == PickleKind::kGlobal && At(id.items[2]).kind == PickleKind::kText &&
      At(id.items[4]).kind == PickleKind::kInteger;
  if (!is_storage) Refuse("a persistent id that is no tensor storage");
  Push({.kind = PickleKind::kStorage, .items = id.items});
}

void PickleMachine::Reduce() {
  const uint32_t arguments = Pop();
  const PickleValue callee = At(Pop());
  if (At(arguments).kind != PickleKind::kTuple) Refuse("a call without an argument tuple");
  if (callee.kind != PickleKind::kGlobal) Refuse("a call of something that is no known name");
  // Four are all that any known name needs; a huge tuple in the memo is not copied on each call.
  const auto& all = At(arguments).items;
  const std::vector<uint32_t> items(
      all.begin(),
      all.begin() + std::min<std::ptrdiff_t>(4, static_cast<std::ptrdiff_t>(all.size())));
  switch (*FindGlobalUse(callee.text)) {
    case GlobalUse::kOrderedDict: {
      Push({.kind = PickleKind::kDict});
      if (items.empty()) return;
      for (const uint32_t pair : At(items[0]).items) {  // Python 2's form: a list of pairs
        const PickleKind kind = At(pair).kind;
        if (kind != PickleKind::kTuple && kind != PickleKind::kList) Refuse("no pair in a dict");
        SetItems(At(pair).items);
      }
      return;
    }
    case GlobalUse::kRebuildTensor:
      if (items.size() < 4 || At(items[0]).kind != PickleKind::kStorage) {
        Refuse("a tensor without storage, offset, sizes and strides");
      }
      Push({.kind = PickleKind::kTensor, .items = items});
      return;
    case GlobalUse::kRebuildParameter:
      if (items.empty() || At(items[0]).kind != PickleKind::kTensor) {
        Refuse("a parameter without a tensor");
      }
      stack_.push_back(items[0]);
      return;
    case GlobalUse::kStorageType:
      Refuse("a call of a storage type");
    case GlobalUse::kOpaque:
      Push({.kind = PickleKind::kOpaque, .text = callee.text});
      return;
  }
}

const PickleValue* Pickle::Find(const PickleValue& dict, std::string_view key) const {
  if (dict.kind != PickleKind::kDict) return nullptr;
  const PickleValue* found = nullptr;
  for (std::size_t i = 0; i + 1 < dict.items.size(); i += 2) {
    const PickleValue& candidate = values[dict.items[i]];
    if (candidate.kind == PickleKind::kText && candidate.text == key) {
      found = &values[dict.items[i + 1]];  // Python keeps the last
    }
  }
  return found;
}

std::string_view PickleKindName(PickleKind kind) {
  constexpr std::string_view kNames[] = {"None",
                                         "bool",
                                         "int",
                                         "float",
                                         "text",
                                         "tuple",
                                         "list",
                                         "dict",
                                         "name",
                                         "storage",
                                         "tensor",
                                         "object"};
  return kNames[static_cast<std::size_t>(kind)];
}

Pickle ReadPickle(std::span<const std::byte> bytes, const std::string& file) {
  return PickleMachine(bytes, file).Run();
}

}  // namespace sap::nn
