# SPDX-License-Identifier: Apache-2.0
# Language level, warnings, linker and compiler cache, the same for every target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
add_compile_options(-fPIC)  # one flag for all, so that one precompiled header serves all
set(CMAKE_CXX_FLAGS_RELEASE "-O2")  # no -DNDEBUG: SAP_CHECK and at::'s checks stay on
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()

add_library(sap_flags INTERFACE)
target_compile_options(sap_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Werror
  # g++ 12 reports false positives inside std::vector and fmt at -O2
  -Wno-array-bounds -Wno-stringop-overflow -Wno-restrict -Wno-maybe-uninitialized
  # STYLE asks for aggregates with designated initialisers that leave the defaults alone
  -Wno-missing-field-initializers)
if(SAP_SANITIZE)
  target_compile_options(sap_flags INTERFACE -fsanitize=${SAP_SANITIZE} -fno-omit-frame-pointer)
  target_link_options(sap_flags INTERFACE -fsanitize=${SAP_SANITIZE})
endif()
if(SAP_COVERAGE)
  target_compile_options(sap_flags INTERFACE --coverage)
  target_link_options(sap_flags INTERFACE --coverage)
endif()

find_program(SAP_MOLD mold)
if(SAP_MOLD)
  add_link_options(-fuse-ld=mold)
endif()
find_program(SAP_CCACHE ccache)
if(SAP_CCACHE)
  # A precompiled header is cached too when ccache is told not to mind its time stamps.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${SAP_CCACHE})
  add_compile_options(-fpch-preprocess)
endif()
