# vigil::vigil (static) and vigil::shared, made of the same sources: src/<floor>/*.cpp of every floor in VIGIL_FLOORS.
set(vigil_sources)
foreach(floor IN LISTS VIGIL_FLOORS)
  file(GLOB_RECURSE of_floor CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/src/${floor}/*.cpp)
  list(APPEND vigil_sources ${of_floor})
endforeach()

# The engine on io_uring stands on liburing. Without it the probe alone is left, which says so.
set(vigil_uring 0)
if(VIGIL_URING)
  find_path(VIGIL_URING_INCLUDE liburing.h)
  find_library(VIGIL_URING_LIBRARY uring)
  mark_as_advanced(VIGIL_URING_INCLUDE VIGIL_URING_LIBRARY)
  if(VIGIL_URING_INCLUDE AND VIGIL_URING_LIBRARY)
    set(vigil_uring 1)
  else()
    message(STATUS "liburing was not found (liburing-dev): the engine uring is left out")
  endif()
endif()
if(NOT vigil_uring)
  list(FILTER vigil_sources EXCLUDE REGEX "/src/loop/uring/")
  list(APPEND vigil_sources ${PROJECT_SOURCE_DIR}/src/loop/uring/probe.cpp)
endif()

# The stall watcher names files and lines by libbacktrace, which comes with GCC and lies among its own files. Without it
# functions are named as far as the dynamic linker knows them.
set(vigil_backtrace 0)
if(VIGIL_BACKTRACE)
  execute_process(COMMAND ${CMAKE_CXX_COMPILER} -print-file-name=libbacktrace.a
    OUTPUT_VARIABLE library OUTPUT_STRIP_TRAILING_WHITESPACE)
  cmake_path(GET library PARENT_PATH folder)
  find_file(VIGIL_BACKTRACE_HEADER backtrace.h HINTS ${folder}/include)
  mark_as_advanced(VIGIL_BACKTRACE_HEADER)
  if(VIGIL_BACKTRACE_HEADER AND EXISTS ${library})
    set(vigil_backtrace 1)
    # A copy: what lies beside it is GCC's, and not for other compilers.
    configure_file(${VIGIL_BACKTRACE_HEADER} ${PROJECT_BINARY_DIR}/generated/backtrace/backtrace.h COPYONLY)
  else()
    message(STATUS "libbacktrace was not found (libgcc-12-dev): stalls are named by function, not by file and line")
  endif()
endif()
set_source_files_properties(${PROJECT_SOURCE_DIR}/src/loop/code_places.cpp PROPERTIES SKIP_PRECOMPILE_HEADERS ON
  COMPILE_DEFINITIONS VIGIL_WITH_BACKTRACE=${vigil_backtrace}
  INCLUDE_DIRECTORIES ${PROJECT_BINARY_DIR}/generated/backtrace)

if(CMAKE_CXX_COMPILER_VERSION MATCHES "^([0-9]+\\.[0-9]+)")
  set(vigil_compiler "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION}")
endif()
string(REPLACE "GNU " "GCC " vigil_compiler "${vigil_compiler}")
configure_file(${CMAKE_CURRENT_LIST_DIR}/version.cpp.in ${PROJECT_BINARY_DIR}/generated/version.cpp @ONLY)
list(APPEND vigil_sources ${PROJECT_BINARY_DIR}/generated/version.cpp)

function(vigil_library target type)
  add_library(${target} ${type} ${vigil_sources})
  target_compile_features(${target} PUBLIC cxx_std_23)
  target_include_directories(${target}
    PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:vigil_flags> PUBLIC Threads::Threads)
  target_compile_definitions(${target} PRIVATE VIGIL_WITH_URING=${vigil_uring})
  if(NOT VIGIL_INSTRUMENTS)
    target_compile_definitions(${target} PUBLIC VIGIL_INSTRUMENTS=0)
  endif()
  if(vigil_uring)
    target_include_directories(${target} SYSTEM PRIVATE ${VIGIL_URING_INCLUDE})
    target_link_libraries(${target} PRIVATE uring)
  endif()
  if(vigil_backtrace)
    target_link_libraries(${target} PRIVATE backtrace)
  endif()
  vigil_precompile(${target})
  set_target_properties(${target} PROPERTIES
    OUTPUT_NAME vigil VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
endfunction()

vigil_library(vigil STATIC)
add_library(vigil::vigil ALIAS vigil)

if(VIGIL_SHARED)
  # Compiled apart from the static library, which would otherwise pay for position independence.
  vigil_library(vigil_shared SHARED)
  set_target_properties(vigil_shared PROPERTIES EXPORT_NAME shared)
  target_compile_options(vigil_shared PRIVATE -fPIC -fno-semantic-interposition)
  # What others may have of their own, in another version.
  target_link_options(vigil_shared PRIVATE LINKER:--exclude-libs,libbacktrace.a)
  add_library(vigil::shared ALIAS vigil_shared)
endif()
