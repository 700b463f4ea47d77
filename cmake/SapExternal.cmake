# SPDX-License-Identifier: Apache-2.0
# Everything from outside, found once and offered as SapExternal::<who needs it>.

find_package(LibTorch REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(TBB REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)
find_package(PNG REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(ZLIB REQUIRED)

set(SAP_ITK_COMPONENTS ITKCommon ITKIOImageBase ITKIONIFTI ITKIOMeta ITKIONRRD ITKImageGrid
    ITKImageFunction ITKSmoothing ITKDistanceMap ITKTransform ITKAnisotropicSmoothing
    ITKBiasCorrection ITKMetricsv4 ITKOptimizersv4 ITKRegistrationMethodsv4 ITKIOGDCM ITKGDCM)
find_package(ITK REQUIRED COMPONENTS ${SAP_ITK_COMPONENTS})

add_library(sap_external_core INTERFACE)
target_link_libraries(sap_external_core INTERFACE
  spdlog::spdlog yaml-cpp TBB::tbb OpenSSL::Crypto ZLIB::ZLIB)
add_library(SapExternal::core ALIAS sap_external_core)

# ITK's use file sets directory properties; its include folders as SYSTEM keep -Werror ours.
add_library(sap_external_itk INTERFACE)
target_include_directories(sap_external_itk SYSTEM INTERFACE ${ITK_INCLUDE_DIRS})
target_link_libraries(sap_external_itk INTERFACE ${ITK_LIBRARIES})
add_library(SapExternal::itk ALIAS sap_external_itk)

add_library(sap_external_cli INTERFACE)
target_link_libraries(sap_external_cli INTERFACE CLI11::CLI11)
add_library(SapExternal::cli ALIAS sap_external_cli)

add_library(sap_external_png INTERFACE)
target_link_libraries(sap_external_png INTERFACE PNG::PNG)
add_library(SapExternal::png ALIAS sap_external_png)

add_library(sap_external_common INTERFACE)
target_link_libraries(sap_external_common INTERFACE
  LibTorch::torch fmt::fmt nlohmann_json::nlohmann_json TBB::tbb Eigen3::Eigen)
if(SAP_CUDA)
  if(NOT TARGET LibTorch::cuda)
    message(FATAL_ERROR "SAP_CUDA is on, but this LibTorch has no libtorch_cuda.so: "
      "run scripts/setup.sh --cuda")
  endif()
  target_link_libraries(sap_external_common INTERFACE LibTorch::cuda)
endif()
add_library(SapExternal::common ALIAS sap_external_common)

# What --version and every record say about this build.
execute_process(COMMAND git describe --always --dirty --tags
  WORKING_DIRECTORY "${PROJECT_SOURCE_DIR}"
  OUTPUT_VARIABLE SAP_GIT_REVISION OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
if(NOT SAP_GIT_REVISION)
  set(SAP_GIT_REVISION "no git")
endif()
set(ITK_VERSION "${ITK_VERSION_MAJOR}.${ITK_VERSION_MINOR}.${ITK_VERSION_PATCH}")
set(SAP_CUDA_BUILD 0)
if(SAP_CUDA)
  set(SAP_CUDA_BUILD 1)
endif()
configure_file(cmake/sap_version.h.in "${PROJECT_BINARY_DIR}/generated/sap_version.h" @ONLY)
target_include_directories(sap_external_core INTERFACE "${PROJECT_BINARY_DIR}/generated")
