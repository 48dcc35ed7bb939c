# Tests of what stands beside the code: the installed package, the lints, ./dev and the documentation.
function(vigil_script_test name)
  add_test(NAME tools.${name} COMMAND ${ARGN})
  set_tests_properties(tools.${name} PROPERTIES LABELS tools TIMEOUT 300 SKIP_REGULAR_EXPRESSION "^not run: |\nnot run: ")
endfunction()

# A sanitizer would have to be given to the consumer too; the other builds prove the package.
if(VIGIL_INSTALL AND NOT VIGIL_SANITIZE)
  set(ways find_package)
  if(VIGIL_SHARED)
    list(APPEND ways pkg_config)  # which links what it finds both ways
  endif()
  foreach(way IN LISTS ways)
    vigil_script_test(consumer.${way} sh ${CMAKE_CURRENT_SOURCE_DIR}/consumer/run ${way} ${CMAKE_BINARY_DIR}
      ${CMAKE_C_COMPILER} ${CMAKE_CXX_COMPILER})
    set_tests_properties(tools.consumer.${way} PROPERTIES RUN_SERIAL FALSE)
  endforeach()
endif()
vigil_script_test(tidy sh -c "/usr/bin/python3 ${CMAKE_CURRENT_SOURCE_DIR}/tools/tidy_test.py")
vigil_script_test(dev sh ${CMAKE_CURRENT_SOURCE_DIR}/tools/dev_test.sh)
vigil_script_test(bench /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/tools/bench_test.py)
vigil_script_test(docs sh ${CMAKE_CURRENT_SOURCE_DIR}/tools/docs_test.sh ${CMAKE_BINARY_DIR})
vigil_script_test(serve_page /usr/bin/python3 -B ${CMAKE_CURRENT_SOURCE_DIR}/tools/serve_page_test.py)
