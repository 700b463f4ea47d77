// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "nn/pickle_reader.h"
#include "nn/weights_io_map.h"
#include "sap/core/error.h"

namespace sap::nn {

// The stack machine of a pickle. Every value costs at least one byte of input, every count is
// checked against the bytes that are left, and nothing recurses.
class PickleMachine {
 public:
  PickleMachine(std::span<const std::byte> bytes, const std::string& file)
      : bytes_(bytes), file_(file) {}

  Pickle Run();

 private:
  bool Constant(uint8_t op);
  bool Container(uint8_t op);
  bool Object(uint8_t op);
  bool StackOrMemo(uint8_t op);
  void Reduce();
  void SetItems(const std::vector<uint32_t>& items);
  void AppendItems(const std::vector<uint32_t>& items);
  void PushGlobal(const std::string& module, const std::string& name);
  void PushStorage();
  void PushLong(std::size_t num_bytes);

  [[noreturn]] void Refuse(const std::string& what) const {
    Fail(ErrorKind::kInput, "{}: the pickle has {} (byte {})", file_, what, op_at_);
  }

  void RequireBytes(uint64_t count) const {
    if (count > bytes_.size() - at_) Refuse("an end in the middle of a value; it is cut short");
  }

  template <typename T>
  T Integer() {
    RequireBytes(sizeof(T));
    const T value = LoadLittleEndian<T>(bytes_, at_);
    at_ += sizeof(T);
    return value;
  }

  std::string Text(uint64_t size) {
    RequireBytes(size);
    std::string text(reinterpret_cast<const char*>(bytes_.data()) + at_, size);
    at_ += size;
    return text;
  }

  std::string Line() {
    std::size_t end = at_;
    while (end < bytes_.size() && bytes_[end] != std::byte{'\n'}) ++end;
    std::string line = Text(end - at_);
    Integer<uint8_t>();
    return line;
  }

  bool Push(PickleValue value);

  uint32_t Pop() {
    if (stack_.size() <= Floor()) Refuse("an operand missing on its stack");
    const uint32_t value = stack_.back();
    stack_.pop_back();
    return value;
  }

  uint32_t Top() const {
    if (stack_.size() <= Floor()) Refuse("an operand missing on its stack");
    return stack_.back();
  }

  std::size_t Floor() const { return marks_.empty() ? 0 : marks_.back(); }

  std::vector<uint32_t> PopTo(std::size_t floor) {
    std::vector<uint32_t> items(stack_.begin() + static_cast<std::ptrdiff_t>(floor), stack_.end());
    stack_.resize(floor);
    return items;
  }

  std::vector<uint32_t> PopMark() {
    if (marks_.empty()) Refuse("no mark where one is needed");
    const std::size_t floor = marks_.back();
    marks_.pop_back();
    return PopTo(floor);
  }

  std::vector<uint32_t> PopCount(std::size_t count) {
    if (stack_.size() < Floor() + count) Refuse("an operand missing on its stack");
    return PopTo(stack_.size() - count);
  }

  bool PushMemo(uint32_t key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) Refuse(fmt::format("memo entry {}, which was never stored", key));
    stack_.push_back(found->second);
    return true;
  }

  bool StoreMemo(uint32_t key) {
    memo_[key] = Top();
    return true;
  }

  PickleValue& At(uint32_t index) { return pickle_.values[index]; }

  std::span<const std::byte> bytes_;
  const std::string& file_;
  std::size_t at_ = 0;
  std::size_t op_at_ = 0;
  Pickle pickle_;
  std::vector<uint32_t> stack_;
  std::vector<std::size_t> marks_;
  std::unordered_map<uint32_t, uint32_t> memo_;
  std::size_t num_dict_items_ = 0;
};

}  // namespace sap::nn
