# SPDX-License-Identifier: Apache-2.0
# One static library per module, one program per app, one test program per module.

set(SAP_RPATH "${LibTorch_LIBRARY_DIR}")
set(CMAKE_BUILD_RPATH "${SAP_RPATH}")
set(CMAKE_INSTALL_RPATH "${SAP_RPATH}")

# LibTorch's headers cost 5 to 11 s a file; two precompiled sets serve every target.
function(sap_add_pch name)
  set(empty "${PROJECT_BINARY_DIR}/${name}.cc")
  file(CONFIGURE OUTPUT "${empty}" CONTENT "// compiled with ${name}'s headers only\n")
  add_library(${name} OBJECT "${empty}")
  target_link_libraries(${name} PRIVATE sap_flags SapExternal::common)
  target_precompile_headers(${name} PRIVATE ${ARGN})
endfunction()
set(SAP_PCH_LIGHT <ATen/ATen.h> <fmt/format.h> <array> <filesystem> <functional> <map> <memory>
    <optional> <string> <vector>)
set(SAP_PCH_NN ${SAP_PCH_LIGHT} <torch/nn/module.h> <torch/nn/modules/conv.h>
    <torch/nn/modules/dropout.h> <torch/nn/modules/linear.h> <torch/nn/modules/normalization.h>
    <torch/nn/modules/container/modulelist.h> <torch/csrc/autograd/custom_function.h>)
sap_add_pch(sap_pch_light ${SAP_PCH_LIGHT})
sap_add_pch(sap_pch_nn ${SAP_PCH_NN})

function(sap_use_pch target module)
  if(module IN_LIST SAP_TORCH_NN_MODULES)
    target_precompile_headers(${target} REUSE_FROM sap_pch_nn)
  else()
    target_precompile_headers(${target} REUSE_FROM sap_pch_light)
  endif()
endfunction()

function(sap_add_module module)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${module}/*.cc")
  if(NOT sources)
    file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/${module}_empty.cc" CONTENT "\n")
    set(sources "${PROJECT_BINARY_DIR}/${module}_empty.cc")
  endif()
  add_library(sap_${module} STATIC ${sources})
  add_library(sap::${module} ALIAS sap_${module})
  set_target_properties(sap_${module} PROPERTIES EXPORT_NAME ${module})
  target_include_directories(sap_${module}
    PUBLIC "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>" "$<INSTALL_INTERFACE:include>"
    PRIVATE "${PROJECT_SOURCE_DIR}/src")
  target_link_libraries(sap_${module} PRIVATE $<BUILD_INTERFACE:sap_flags>)
  target_link_libraries(sap_${module} PUBLIC
    $<BUILD_INTERFACE:sap_external_common>)
  foreach(external IN LISTS SAP_MODULE_${module}_EXTERNAL)
    string(REPLACE "SapExternal::" "sap_external_" plain "${external}")
    target_link_libraries(sap_${module} PRIVATE $<BUILD_INTERFACE:${plain}>)
  endforeach()
  foreach(link IN LISTS SAP_MODULE_${module}_LINKS)
    target_link_libraries(sap_${module} PUBLIC sap_${link})
  endforeach()
  sap_use_pch(sap_${module} ${module})
endfunction()

function(sap_add_apps)
  file(GLOB apps CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/apps/*.cc")
  foreach(app IN LISTS apps)
    get_filename_component(stem "${app}" NAME_WE)
    string(REPLACE "_" "-" name "${stem}")
    add_executable(${name} "${app}")
    target_link_libraries(${name} PRIVATE sap_flags sap_cli)
    install(TARGETS ${name} RUNTIME DESTINATION bin)
  endforeach()
endfunction()
