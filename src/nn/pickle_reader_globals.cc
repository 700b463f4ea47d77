// SPDX-License-Identifier: Apache-2.0
#include "nn/pickle_reader_globals.h"

#include <algorithm>
#include <array>
#include <utility>

#include "nn/weights_io_map.h"
#include "sap/core/error.h"

namespace sap::nn {
namespace {

constexpr std::array<std::pair<std::string_view, c10::ScalarType>, 10> kStorages = {{
    {"torch.DoubleStorage", c10::ScalarType::Double},
    {"torch.FloatStorage", c10::ScalarType::Float},
    {"torch.HalfStorage", c10::ScalarType::Half},
    {"torch.BFloat16Storage", c10::ScalarType::BFloat16},
    {"torch.LongStorage", c10::ScalarType::Long},
    {"torch.IntStorage", c10::ScalarType::Int},
    {"torch.ShortStorage", c10::ScalarType::Short},
    {"torch.CharStorage", c10::ScalarType::Char},
    {"torch.ByteStorage", c10::ScalarType::Byte},
    {"torch.BoolStorage", c10::ScalarType::Bool},
}};

constexpr std::array<std::pair<std::string_view, GlobalUse>, 4> kBuilders = {{
    {"collections.OrderedDict", GlobalUse::kOrderedDict},
    {"torch._utils._rebuild_tensor", GlobalUse::kRebuildTensor},
    {"torch._utils._rebuild_tensor_v2", GlobalUse::kRebuildTensor},
    {"torch._utils._rebuild_parameter", GlobalUse::kRebuildParameter},
}};

// What training scripts save beside the weights: metrics, arguments, devices.
constexpr std::string_view kOpaqueNames[] = {
    "_codecs.encode",
    "argparse.Namespace",
    "collections.Counter",
    "collections.defaultdict",
    "builtins.bytearray",
    "builtins.complex",
    "builtins.dict",
    "builtins.int",
    "builtins.list",
    "builtins.set",
    "__builtin__.set",
    "numpy.core.multiarray._reconstruct",
    "numpy.core.multiarray.scalar",
    "numpy._core.multiarray._reconstruct",
    "numpy._core.multiarray.scalar",
    "numpy.dtype",
    "numpy.ndarray",
    "pathlib.Path",
    "pathlib.PosixPath",
    "torch.Size",
    "torch.device",
    "torch.nn.parameter.Parameter",
    "torch.serialization._get_layout",
    "torch.torch_version.TorchVersion",
    "torch.bfloat16",
    "torch.float16",
    "torch.float32",
    "torch.float64",
    "torch.int64",
};

}  // namespace

std::optional<GlobalUse> FindGlobalUse(std::string_view name) {
  for (const auto& [known, use] : kBuilders) {
    if (known == name) return use;
  }
  if (StorageScalarType(name)) return GlobalUse::kStorageType;
  if (std::ranges::find(kOpaqueNames, name) != std::end(kOpaqueNames)) return GlobalUse::kOpaque;
  return std::nullopt;
}

std::optional<c10::ScalarType> StorageScalarType(std::string_view name) {
  for (const auto& [known, dtype] : kStorages) {
    if (known == name) return dtype;
  }
  return std::nullopt;
}

std::string AdviceForUnknownGlobal(std::string_view name) {
  const bool is_module =
      name.starts_with("monai.") || name.starts_with("torch.nn.") || name.starts_with("__main__.");
  if (is_module) {
    return "it holds whole Python objects: save model.state_dict() alone in Python";
  }
  return "nothing of the file was run; do not load it elsewhere unless you trust its author, and "
         "ask for the state_dict alone or a .safetensors file";
}

std::string StorageClassName(c10::ScalarType dtype, std::string_view tensor) {
  for (const auto& [name, known] : kStorages) {
    if (known == dtype) return std::string(name.substr(name.find('.') + 1));
  }
  Fail(ErrorKind::kInput,
       "tensor '{}' has element type {}, which no weights file of ours stores",
       Printable(tensor),
       c10::toString(dtype));
}

}  // namespace sap::nn
