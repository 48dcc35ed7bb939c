# cpack -G DEB: the package that ./dev package makes. What belongs to a system and not to a tree that can be moved is
# installed with VIGIL_PACKAGE alone.
install(FILES ${PROJECT_SOURCE_DIR}/packaging/vigil.service DESTINATION lib/systemd/system)
install(FILES ${PROJECT_SOURCE_DIR}/packaging/vigil.toml DESTINATION /etc/vigil)
install(DIRECTORY DESTINATION /var/www/html)

set(debian ${PROJECT_SOURCE_DIR}/packaging/debian)
set(CPACK_GENERATOR DEB)
set(CPACK_SET_DESTDIR ON)
set(CPACK_PACKAGE_NAME vigil)
set(CPACK_PACKAGE_CONTACT "The vigil maintainers <vigil@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "event-driven I/O for C++23, and a web server standing on it")
set(CPACK_DEBIAN_PACKAGE_DESCRIPTION
    "A web server for static files, and the library that it is made of: event loop,
coroutines, sockets, files, HTTP/1.1, and a simulated kernel for tests.
Nothing is served until the service is enabled.")
set(CPACK_DEBIAN_PACKAGE_SECTION httpd)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${debian}/conffiles ${debian}/triggers ${debian}/postinst ${debian}/prerm
    ${debian}/postrm)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_OUTPUT_FILE_PREFIX ${PROJECT_SOURCE_DIR}/build)
# Not stripped: a stall is named on the spot, by file and line.
set(CPACK_STRIP_FILES OFF)
include(CPack)
