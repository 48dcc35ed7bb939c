# vigil_flags: how our own code is compiled. An interface target that is never installed: a user's flags are the user's.
add_library(vigil_flags INTERFACE)

target_compile_options(vigil_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  $<$<BOOL:${VIGIL_WERROR}>:-Werror>
  $<$<CONFIG:Debug>:-fno-omit-frame-pointer>)

# Line tables alone, by which the stall watcher names files and lines: of the two options the last one says how much.
set(CMAKE_C_FLAGS_RELEASE "-O2 -gdwarf-4 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -gdwarf-4 -g1 -DNDEBUG")
if(VIGIL_PACKAGE)
  target_link_options(vigil_flags INTERFACE LINKER:--compress-debug-sections=zlib)
endif()
set(CMAKE_C_FLAGS_DEBUG "-O0 -g")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g -D_GLIBCXX_ASSERTIONS")

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC makes the tail calls of coroutines only when told to; without them a million resumptions use the stack up.
  target_compile_options(vigil_flags INTERFACE
    $<$<AND:$<CONFIG:Debug>,$<COMPILE_LANGUAGE:CXX>>:-foptimize-sibling-calls>)
endif()

if(VIGIL_SANITIZE)
  set(CMAKE_C_FLAGS_DEBUG "-O1 -gline-tables-only")
  set(CMAKE_CXX_FLAGS_DEBUG "-O1 -gline-tables-only -D_GLIBCXX_ASSERTIONS")
  # Not vptr: it looks at memory through a pipe of its own, and calls every object wrong where descriptors run out,
  # which tests make happen.
  target_compile_options(vigil_flags INTERFACE -fsanitize=${VIGIL_SANITIZE} -fno-sanitize-recover=all
    $<$<CXX_COMPILER_ID:Clang>:-fno-sanitize=vptr>)
  target_link_options(vigil_flags INTERFACE -fsanitize=${VIGIL_SANITIZE})
elseif(VIGIL_HARDEN)
  target_compile_options(vigil_flags INTERFACE -fstack-protector-strong
    $<$<CONFIG:Release>:-U_FORTIFY_SOURCE> $<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2>)
  target_link_options(vigil_flags INTERFACE LINKER:-z,relro LINKER:-z,now LINKER:-z,noexecstack)
endif()

# Programs and the static library are position-independent executables' code: cheaper than a shared library's.
set(CMAKE_POSITION_INDEPENDENT_CODE OFF)
target_compile_options(vigil_flags INTERFACE $<$<NOT:$<STREQUAL:$<TARGET_PROPERTY:TYPE>,SHARED_LIBRARY>>:-fPIE>)
target_link_options(vigil_flags INTERFACE $<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)

if(VIGIL_LTO)
  set(CMAKE_INTERPROCEDURAL_OPTIMIZATION ON)
endif()

# vigil_precompile(TARGET [HEADER...]): what nearly every file includes of the standard library is read once a target, and
# compiling takes a third less. A file includes what it needs all the same: a launcher such as ccache, which keeps objects
# and is in the way of this, turns it off. So does GCC: of what is precompiled, version 12 warns as of our own code.
if(VIGIL_PRECOMPILE AND NOT CMAKE_CXX_COMPILER_LAUNCHER AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  function(vigil_precompile target)
    set(headers ${ARGN} algorithm array atomic charconv chrono coroutine cstdint deque expected functional map memory
      optional span string string_view system_error unordered_map utility variant vector)
    list(TRANSFORM headers REPLACE "(.+)" "$<$<COMPILE_LANGUAGE:CXX>:<\\1$<ANGLE-R>>")
    target_precompile_headers(${target} PRIVATE ${headers})
  endfunction()
else()
  function(vigil_precompile)
  endfunction()
endif()
