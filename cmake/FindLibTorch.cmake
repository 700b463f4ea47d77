# SPDX-License-Identifier: Apache-2.0
# Finds LibTorch in an unpacked wheel, a LibTorch folder or a system install, and makes imported
# targets without the CUDA toolkit that Torch's own package file asks for.
#
#   LibTorch_ROOT   folder that holds torch/ (a wheel) or lib/ and include/ (a LibTorch folder);
#                   default: what scripts/setup.sh unpacked for the first version of
#                   scripts/libtorch.lock
#   Result          LibTorch::torch (CPU), LibTorch::cuda where SAP_CUDA is on; LibTorch_VERSION
#
# The include folder is filtered: the wheel also carries headers of fmt and protobuf that would
# shadow the system's.

set(_sap_cache "$ENV{SAP_CACHE}")
if(NOT _sap_cache)
  set(_sap_cache "$ENV{HOME}/.cache/sap")
endif()
if(NOT LibTorch_ROOT AND DEFINED ENV{LibTorch_ROOT})
  set(LibTorch_ROOT "$ENV{LibTorch_ROOT}")
endif()
if(NOT LibTorch_ROOT AND EXISTS "${CMAKE_CURRENT_LIST_DIR}/../scripts/libtorch.lock")
  file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/../scripts/libtorch.lock" _sap_lock REGEX "^[0-9]")
  list(GET _sap_lock 0 _sap_first)
  string(REGEX MATCH "^[0-9.]+" _sap_default "${_sap_first}")
  set(LibTorch_ROOT "${_sap_cache}/libtorch-${_sap_default}")
endif()

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h
  HINTS "${LibTorch_ROOT}/torch/include" "${LibTorch_ROOT}/include" NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu
  HINTS "${LibTorch_ROOT}/torch/lib" "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10
  HINTS "${LibTorch_ROOT}/torch/lib" "${LibTorch_ROOT}/lib" NO_DEFAULT_PATH)
mark_as_advanced(LibTorch_INCLUDE_DIR LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY)

if(LibTorch_INCLUDE_DIR AND EXISTS "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h")
  set(_sap_version_file "${LibTorch_INCLUDE_DIR}/torch/headeronly/version.h")
elseif(LibTorch_INCLUDE_DIR)
  set(_sap_version_file "${LibTorch_INCLUDE_DIR}/torch/csrc/api/include/torch/version.h")
endif()
if(_sap_version_file AND EXISTS "${_sap_version_file}")
  foreach(_part MAJOR MINOR PATCH)
    file(STRINGS "${_sap_version_file}" _line REGEX "^#define TORCH_VERSION_${_part} ")
    string(REGEX REPLACE ".* " "" _sap_${_part} "${_line}")
  endforeach()
  set(LibTorch_VERSION "${_sap_MAJOR}.${_sap_MINOR}.${_sap_PATCH}")
endif()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  VERSION_VAR LibTorch_VERSION
  REASON_FAILURE_MESSAGE
    "no LibTorch under ${LibTorch_ROOT}: run scripts/setup.sh, or set -DLibTorch_ROOT=<folder>")

if(LibTorch_FOUND AND NOT TARGET LibTorch::torch)
  set(_sap_filtered "${CMAKE_BINARY_DIR}/libtorch_include")
  file(MAKE_DIRECTORY "${_sap_filtered}")
  foreach(_folder ATen c10 caffe2 torch)
    file(CREATE_LINK "${LibTorch_INCLUDE_DIR}/${_folder}" "${_sap_filtered}/${_folder}" SYMBOLIC)
  endforeach()
  get_filename_component(_sap_lib "${LibTorch_CPU_LIBRARY}" DIRECTORY)
  file(GLOB _sap_nvidia "${LibTorch_ROOT}/nvidia/*/lib")
  add_library(LibTorch::torch INTERFACE IMPORTED)
  set_target_properties(LibTorch::torch PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES
      "${_sap_filtered};${_sap_filtered}/torch/csrc/api/include"
    INTERFACE_LINK_LIBRARIES "${LibTorch_CPU_LIBRARY};${LibTorch_C10_LIBRARY}"
    INTERFACE_COMPILE_DEFINITIONS "USE_DISTRIBUTED;USE_C10D_GLOO")
  foreach(_dir IN LISTS _sap_nvidia)
    set_property(TARGET LibTorch::torch APPEND PROPERTY
      INTERFACE_LINK_OPTIONS "-Wl,-rpath-link,${_dir}")
  endforeach()
  set(LibTorch_LIBRARY_DIR "${_sap_lib}")
  if(EXISTS "${_sap_lib}/libtorch_cuda.so")
    file(GLOB _sap_cuda_includes
      "${LibTorch_ROOT}/nvidia/cu13/include" "${LibTorch_ROOT}/nvidia/nccl/include")
    add_library(LibTorch::cuda INTERFACE IMPORTED)
    set_target_properties(LibTorch::cuda PROPERTIES
      INTERFACE_INCLUDE_DIRECTORIES "${_sap_cuda_includes}"
      INTERFACE_COMPILE_DEFINITIONS "SAP_WITH_CUDA;USE_C10D_NCCL"
      INTERFACE_LINK_OPTIONS
        "LINKER:--no-as-needed,${_sap_lib}/libtorch_cuda.so,${_sap_lib}/libc10_cuda.so,--as-needed")
  endif()
endif()
