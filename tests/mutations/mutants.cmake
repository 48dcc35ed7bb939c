# mutants: for each tests/mutations/NAME.mut the program mutants/NAME, vigil-sim with one planted fault. The mutated
# object comes before the library, which then has nothing left to give for it. Not part of the build of everything.
#
# A mutation is a text: `hazard:` the row of tests/hazards.md, `summary:`, `file:` what it changes, `units:` the sources to
# compile with it (where `file` is a header), `scenarios:` where it is to be caught, and the text that is replaced.
add_custom_target(mutants)
add_library(mutant_main OBJECT EXCLUDE_FROM_ALL ${PROJECT_SOURCE_DIR}/apps/vigil-sim/main.cpp)
target_link_libraries(mutant_main PRIVATE vigil_sim_code)
file(GLOB mutations CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/mutations/*.mut)
# Of a mutation that is no more nothing stays, or it would be run for ever.
file(GLOB built ${CMAKE_BINARY_DIR}/mutants/*.mut)
foreach(mutation IN LISTS built)
  cmake_path(GET mutation STEM name)
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/tests/mutations/${name}.mut)
    file(REMOVE ${mutation} ${CMAKE_BINARY_DIR}/mutants/${name})
  endif()
endforeach()
foreach(mutation IN LISTS mutations)
  cmake_path(GET mutation STEM name)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${mutation})
  file(STRINGS ${mutation} file REGEX "^file: ")
  file(STRINGS ${mutation} units REGEX "^units: ")
  string(REPLACE "file: " "" file "${file}")
  string(REPLACE "units: " "" units "${units}")
  separate_arguments(units)
  set(tree ${CMAKE_BINARY_DIR}/mutants/sources/${name})
  add_custom_command(OUTPUT ${tree}/${file}
    COMMAND ${CMAKE_COMMAND} -DMUTATION=${mutation} -DROOT=${PROJECT_SOURCE_DIR} -DTO=${tree}
            -P ${PROJECT_SOURCE_DIR}/tests/mutations/mutate.cmake
    DEPENDS ${mutation} ${PROJECT_SOURCE_DIR}/${file} ${PROJECT_SOURCE_DIR}/tests/mutations/mutate.cmake
    COMMENT "Planting ${name}" VERBATIM)
  set(sources ${tree}/${file})
  foreach(unit IN LISTS units)
    list(APPEND sources ${PROJECT_SOURCE_DIR}/${unit})
  endforeach()
  add_executable(mutant_${name} EXCLUDE_FROM_ALL $<TARGET_OBJECTS:mutant_main> ${sources})
  set_target_properties(mutant_${name} PROPERTIES OUTPUT_NAME ${name}
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/mutants)
  target_include_directories(mutant_${name} BEFORE PRIVATE ${tree}/src ${tree}/include)
  target_link_libraries(mutant_${name} PRIVATE vigil_sim_code)
  add_custom_command(TARGET mutant_${name} POST_BUILD
    COMMAND ${CMAKE_COMMAND} -E copy ${mutation} ${CMAKE_BINARY_DIR}/mutants/${name}.mut VERBATIM)
  add_dependencies(mutants mutant_${name})
endforeach()
