# SPDX-License-Identifier: Apache-2.0
# The CPU kernels are compiled once per instruction set and chosen at run time. They include no
# precompiled header, so that no inline function of a library is built with the wider flags.

set(SAP_KERNEL_DIR "${PROJECT_SOURCE_DIR}/src/nn/kernels")
set(SAP_KERNEL_FLAGS -O3 -ffp-contract=fast -fno-math-errno -fno-trapping-math -Wno-psabi
    -Wno-pedantic)
set(SAP_KERNEL_FLAGS_baseline)
set(SAP_KERNEL_FLAGS_avx2 -mavx2 -mfma)
set(SAP_KERNEL_FLAGS_avx2_wide -mavx2 -mfma)
set(SAP_KERNEL_FLAGS_avx512 -mavx512f -mavx512bw -mavx512vl -mavx512dq -mfma
    -mprefer-vector-width=512)
foreach(isa baseline avx2 avx2_wide avx512)
  set(flags ${SAP_KERNEL_FLAGS})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND flags ${SAP_KERNEL_FLAGS_${isa}})
  endif()
  set_source_files_properties("${SAP_KERNEL_DIR}/kernels_${isa}.cc" PROPERTIES
    COMPILE_OPTIONS "${flags}" SKIP_PRECOMPILE_HEADERS ON)
endforeach()

# Diffusion of preprocessing: bound by memory, so two instruction sets do.
foreach(isa baseline avx2)
  set(flags ${SAP_KERNEL_FLAGS})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    list(APPEND flags ${SAP_KERNEL_FLAGS_${isa}})
  endif()
  set_source_files_properties("${PROJECT_SOURCE_DIR}/src/preprocess/diffusion_rows_${isa}.cc"
    PROPERTIES COMPILE_OPTIONS "${flags}" SKIP_PRECOMPILE_HEADERS ON)
endforeach()
