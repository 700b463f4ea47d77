// SPDX-License-Identifier: Apache-2.0
#include "nn/pickle_writer.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>
#include <unordered_set>

#include <ATen/ATen.h>
#include <zlib.h>

#include "nn/pickle_reader_globals.h"
#include "nn/weights_io_map.h"
#include "sap/core/error.h"
#include "sap/core/files.h"

namespace sap::nn {
namespace {

template <typename T>
void AppendLittleEndian(std::string& out, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) out += static_cast<char>(value >> (8 * i) & 0xff);
}

class PickleText {
 public:
  PickleText() { out_ = "\x80\x02"; }
  std::string Finish() && { return std::move(out_ += '.'); }

  void Op(std::string_view opcodes) { out_ += opcodes; }
  void Global(std::string_view module, std::string_view name) {
    out_ += fmt::format("c{}\n{}\n", module, name);
  }
  void Text(std::string_view text) {
    out_ += 'X';
    AppendLittleEndian(out_, static_cast<uint32_t>(text.size()));
    out_ += text;
  }
  void Integer(int64_t value) {
    out_ += "\x8a\x08";  // LONG1 of 8 bytes
    AppendLittleEndian(out_, static_cast<uint64_t>(value));
  }
  void Integers(at::IntArrayRef values) {
    Op("(");
    for (const int64_t value : values) Integer(value);
    Op("t");
  }
  void OrderedDict() {
    Global("collections", "OrderedDict");
    Op(")R");
  }
  void Metadata(const std::map<std::string, std::string>& metadata) {
    Text("sap_metadata");
    Op("}(");
    for (const auto& [key, value] : metadata) {
      Text(key);
      Text(value);
    }
    Op("u");
  }
  void TensorInStorage(const Tensor& tensor, std::size_t storage, std::string_view name) {
    const std::vector<int64_t> strides = at::detail::defaultStrides(tensor.sizes());
    Global("torch._utils", "_rebuild_tensor_v2");
    Op("((");
    Text("storage");
    Global("torch", StorageClassName(tensor.scalar_type(), name));
    Text(std::to_string(storage));
    Text("cpu");
    Integer(tensor.numel());
    Op("tQ");
    Integer(0);
    Integers(tensor.sizes());
    Integers(strides);
    Op("\x89");  // requires_grad
    OrderedDict();
    Op("tR");
  }

 private:
  std::string out_;
};

constexpr uint64_t kMaxPtBytes = 0xffffffff;
constexpr std::size_t kAlignBytes = 64;  // where torch.load(mmap=True) wants each storage
constexpr std::string_view kPrefix = "archive/";

// Stored entries only; sizes fit 32 bits.
class ZipWriter {
 public:
  explicit ZipWriter(std::ofstream& out) : out_(out) {}

  void Add(const std::string& entry_name, std::string_view bytes) {
    const std::string name = std::string(kPrefix) + entry_name;
    const uint64_t unpadded = at_ + 30 + name.size() + 4;
    const std::size_t padding = (kAlignBytes - unpadded % kAlignBytes) % kAlignBytes;
    SAP_REQUIRE(ErrorKind::kInput,
                unpadded + padding + bytes.size() <= kMaxPtBytes && num_entries_ < 0xffff,
                "weights of more than 4 GiB do not fit a .pt file of ours; use .safetensors");
    const std::string common = CommonFields(bytes, name);
    std::string header = "PK\x03\x04" + common;
    AppendLittleEndian<uint16_t>(header, static_cast<uint16_t>(4 + padding));
    header += name + "FB";  // the extra field that torch.save pads with
    AppendLittleEndian<uint16_t>(header, static_cast<uint16_t>(padding));
    header.append(padding, 'Z');

    directory_ += std::string("PK\x01\x02\x00\x00", 6) + common;
    AppendLittleEndian<uint16_t>(directory_, 0);  // extra
    AppendLittleEndian<uint16_t>(directory_, 0);  // comment
    AppendLittleEndian<uint16_t>(directory_, 0);  // disk
    AppendLittleEndian<uint16_t>(directory_, 0);  // internal attributes
    AppendLittleEndian<uint32_t>(directory_, 0);  // external attributes
    AppendLittleEndian<uint32_t>(directory_, static_cast<uint32_t>(at_));
    directory_ += name;
    out_ << header << bytes;
    at_ += header.size() + bytes.size();
    ++num_entries_;
  }

  void Finish() {
    std::string end = std::string("PK\x05\x06\x00\x00\x00\x00", 8);
    AppendLittleEndian<uint16_t>(end, num_entries_);
    AppendLittleEndian<uint16_t>(end, num_entries_);
    AppendLittleEndian<uint32_t>(end, static_cast<uint32_t>(directory_.size()));
    AppendLittleEndian<uint32_t>(end, static_cast<uint32_t>(at_));
    AppendLittleEndian<uint16_t>(end, 0);
    out_ << directory_ << end;
  }

 private:
  // Version needed to name length: what local and central records share.
  static std::string CommonFields(std::string_view bytes, const std::string& name) {
    std::string fields;
    AppendLittleEndian<uint16_t>(fields, 20);
    AppendLittleEndian<uint16_t>(fields, 0);       // flags
    AppendLittleEndian<uint16_t>(fields, 0);       // stored
    AppendLittleEndian<uint16_t>(fields, 0);       // time: none, so that equal weights give
    AppendLittleEndian<uint16_t>(fields, 0x0021);  // equal files; 1980-01-01
    const auto crc = crc32_z(0, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    AppendLittleEndian<uint32_t>(fields, static_cast<uint32_t>(crc));
    AppendLittleEndian<uint32_t>(fields, static_cast<uint32_t>(bytes.size()));
    AppendLittleEndian<uint32_t>(fields, static_cast<uint32_t>(bytes.size()));
    AppendLittleEndian<uint16_t>(fields, static_cast<uint16_t>(name.size()));
    return fields;
  }

  std::ofstream& out_;
  std::string directory_;
  uint64_t at_ = 0;
  uint16_t num_entries_ = 0;
};

}  // namespace

std::string PickleOfWeights(const NamedTensors& weights, PtForm form) {
  PickleText pickle;
  const bool is_nested = form == PtForm::kStateDict;
  if (is_nested) {
    pickle.Op("}(");
    pickle.Text("state_dict");
  }
  pickle.OrderedDict();
  pickle.Op("(");
  std::unordered_set<std::string> names;
  for (std::size_t i = 0; i < weights.entries.size(); ++i) {
    const auto& [name, tensor] = weights.entries[i];
    SAP_REQUIRE(ErrorKind::kInput,
                names.insert(name).second,
                "tensor name '{}' is taken; names in a weights file are unique",
                Printable(name));
    pickle.Text(name);
    pickle.TensorInStorage(tensor, i, name);
  }
  pickle.Op("u");
  if (is_nested) {
    if (!weights.metadata.empty()) pickle.Metadata(weights.metadata);
    pickle.Op("u");
  } else if (!weights.metadata.empty()) {
    pickle.Op("}(");  // BUILD sets an attribute of the OrderedDict, as torch's own _metadata is
    pickle.Metadata(weights.metadata);
    pickle.Op("ub");
  }
  return std::move(pickle).Finish();
}

void WritePt(const std::filesystem::path& path, const NamedTensors& weights, PtForm form) {
  const std::string pickle = PickleOfWeights(weights, form);
  WriteFileAtomically(path, [&](const std::filesystem::path& temporary) {
    std::ofstream out(temporary, std::ios::binary);
    ZipWriter zip(out);
    zip.Add("data.pkl", pickle);
    zip.Add("byteorder", "little");
    for (std::size_t i = 0; i < weights.entries.size(); ++i) {
      const Tensor tensor = weights.entries[i].second.detach().to(at::kCPU).contiguous();
      zip.Add(fmt::format("data/{}", i),
              {static_cast<const char*>(tensor.const_data_ptr()), tensor.nbytes()});
    }
    zip.Add("version", "3\n");
    zip.Finish();
    out.close();
    SAP_REQUIRE(ErrorKind::kIo,
                out.good(),
                "{}: cannot be written ({}); free space or choose another folder",
                path.string(),
                std::strerror(errno));
  });
}

}  // namespace sap::nn
