# vigil::sim (static): the simulated kernel and world. It stands on the library and its private seams; the library knows
# nothing of it.
file(GLOB_RECURSE sim_sources CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/sim/*.cpp)
add_library(vigil_simulation STATIC ${sim_sources})
add_library(vigil::sim ALIAS vigil_simulation)
target_include_directories(vigil_simulation PRIVATE ${PROJECT_SOURCE_DIR}/sim ${PROJECT_SOURCE_DIR}/src)
target_link_libraries(vigil_simulation PUBLIC vigil PRIVATE $<BUILD_INTERFACE:vigil_flags>)
vigil_precompile(vigil_simulation)
set_target_properties(vigil_simulation PROPERTIES OUTPUT_NAME vigil_sim EXPORT_NAME sim)
