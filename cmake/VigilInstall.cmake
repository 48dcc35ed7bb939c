# cmake --install: headers, libraries, find_package(vigil), pkg-config, the license and the program.
include(CMakePackageConfigHelpers)

install(TARGETS vigil EXPORT vigilTargets)
if(VIGIL_SHARED)
  install(TARGETS vigil_shared EXPORT vigilTargets)
endif()
if(TARGET vigil_simulation)
  install(TARGETS vigil_simulation EXPORT vigilTargets)
endif()
if(TARGET vigil_app)
  install(TARGETS vigil_app)
endif()
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/vigil DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
if(TARGET vigil_app)
  install(FILES ${PROJECT_SOURCE_DIR}/share/vigil.toml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
endif()

# The program makes its own manual pages and completion.
if(TARGET vigil_app AND NOT CMAKE_CROSSCOMPILING AND NOT VIGIL_SANITIZE)
  set(pages ${PROJECT_BINARY_DIR}/generated/pages)
  add_custom_command(OUTPUT ${pages}/completions/vigil
    COMMAND sh ${CMAKE_CURRENT_LIST_DIR}/pages.sh $<TARGET_FILE:vigil_app> ${pages}
    DEPENDS vigil_app ${CMAKE_CURRENT_LIST_DIR}/pages.sh
    COMMENT "Making the manual pages and the completion" VERBATIM)
  add_custom_target(vigil_pages ALL DEPENDS ${pages}/completions/vigil)
  install(DIRECTORY ${pages}/man1 DESTINATION ${CMAKE_INSTALL_MANDIR} OPTIONAL)
  install(DIRECTORY ${pages}/completions DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion OPTIONAL)
endif()

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/vigil)
install(EXPORT vigilTargets NAMESPACE vigil:: DESTINATION ${package_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/vigilConfig.cmake.in
  ${PROJECT_BINARY_DIR}/generated/vigilConfig.cmake INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/generated/vigilConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/generated/vigilConfig.cmake
  ${PROJECT_BINARY_DIR}/generated/vigilConfigVersion.cmake DESTINATION ${package_dir})

# The .pc file finds the tree from its own place, so that the tree can be moved.
cmake_path(SET pc_dir ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig)
cmake_path(RELATIVE_PATH CMAKE_INSTALL_PREFIX BASE_DIRECTORY ${pc_dir} OUTPUT_VARIABLE pc_to_prefix)
set(vigil_pc_private)
if(vigil_uring)
  set(vigil_pc_private " -luring")
endif()
if(vigil_backtrace)
  string(APPEND vigil_pc_private " -lbacktrace")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/vigil.pc.in ${PROJECT_BINARY_DIR}/generated/vigil.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/generated/vigil.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
