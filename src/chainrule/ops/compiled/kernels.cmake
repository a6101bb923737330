# A module of compiled kernels: module.cpp binds it, level.cpp is compiled for several instruction levels, among which
# module.cpp chooses when it is loaded.
# Each is a domain of its own, as both have a type Call.
function(add_kernels module destination)
  nanobind_add_module(${module} STABLE_ABI NB_STATIC NB_DOMAIN ${module} module.cpp ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/threads.cpp)
  target_link_libraries(${module} PRIVATE ${CMAKE_DL_LIBS} ${CHAINRULE_BUILTINS})
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    add_level(${module} x86_64 ${CHAINRULE_SMALL})
    add_level(${module} x86_64_v3 -march=x86-64-v3)
    add_level(${module} x86_64_v4 -march=x86-64-v4)
    add_level(${module} x86_64_v4_bf16 -march=x86-64-v4 -mavx512bf16)
  else()
    add_level(${module} plain)
  endif()
  install(TARGETS ${module} DESTINATION ${destination})
endfunction()

# For the level that hardly a processor of the last ten years needs: its code is a third smaller.
if(NOT CHAINRULE_SANITIZE)
  set(CHAINRULE_SMALL -O2)
endif()

function(add_level module name)
  add_library(${module}_${name} OBJECT level.cpp)
  set_target_properties(${module}_${name} PROPERTIES POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden)
  target_compile_definitions(${module}_${name} PRIVATE LEVEL=${name})
  add_options(${module}_${name} -ffp-contract=fast -fno-math-errno -Wall -Wextra ${ARGN})
  target_link_libraries(${module} PRIVATE ${module}_${name})
endfunction()

# Options of g++ and clang, as clang-cl takes them too.
function(add_options target)
  if(CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
    list(TRANSFORM ARGN PREPEND "/clang:")
  endif()
  target_compile_options(${target} PRIVATE ${ARGN})
endfunction()

# Of clang's library, which clang-cl does not link by itself: what __builtin_cpu_supports reads.
if(CMAKE_CXX_COMPILER_FRONTEND_VARIANT STREQUAL "MSVC")
  execute_process(
    COMMAND "${CMAKE_CXX_COMPILER}" /clang:--rtlib=compiler-rt /clang:-print-libgcc-file-name
    OUTPUT_STRIP_TRAILING_WHITESPACE OUTPUT_VARIABLE CHAINRULE_BUILTINS COMMAND_ERROR_IS_FATAL ANY)
endif()
