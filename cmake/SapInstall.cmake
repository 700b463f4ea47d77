# SPDX-License-Identifier: Apache-2.0
# Headers, libraries and a package file, so that another project can say find_package(sap).

include(CMakePackageConfigHelpers)
foreach(module IN LISTS SAP_MODULES)
  install(TARGETS sap_${module} EXPORT sapTargets ARCHIVE DESTINATION lib)
endforeach()
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/sap" DESTINATION include)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/configs/" DESTINATION share/sap/configs)
install(EXPORT sapTargets NAMESPACE sap:: DESTINATION lib/cmake/sap)
install(FILES "${PROJECT_SOURCE_DIR}/cmake/FindLibTorch.cmake" DESTINATION lib/cmake/sap)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/sapConfig.cmake.in"
  "${PROJECT_BINARY_DIR}/sapConfig.cmake" INSTALL_DESTINATION lib/cmake/sap)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sapConfigVersion.cmake"
  COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/sapConfig.cmake" "${PROJECT_BINARY_DIR}/sapConfigVersion.cmake"
  DESTINATION lib/cmake/sap)
