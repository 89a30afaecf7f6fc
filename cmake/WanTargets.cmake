# One place for the flags that every target of ours gets, and the two verbs the folders use.
include(CMakeParseArguments)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "" FORCE)
endif()
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # g++ 12 destroys temporaries inside a co_await expression twice.
  message(FATAL_ERROR "wan-gallery is built with clang 19 (found ${CMAKE_CXX_COMPILER_ID}): cmake --preset release")
endif()

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
# Programs like libraries, so that both can use the same precompiled headers.
set(CMAKE_CXX_COMPILE_OPTIONS_PIE -fPIC)
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")

find_program(WAN_CCACHE ccache)
if(WAN_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${WAN_CCACHE}")
endif()

add_library(wan_flags INTERFACE)
target_include_directories(wan_flags INTERFACE "${CMAKE_SOURCE_DIR}")
target_compile_options(wan_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wimplicit-fallthrough
  -Wno-gnu-statement-expression -Wno-missing-field-initializers
  -fstack-protector-strong)
target_compile_definitions(wan_flags INTERFACE _GLIBCXX_ASSERTIONS WAN_VERSION="${PROJECT_VERSION}")
target_link_options(wan_flags INTERFACE -fuse-ld=lld -Wl,-z,relro,-z,now)
if(WAN_SANITIZE)
  target_compile_options(wan_flags INTERFACE -fsanitize=${WAN_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(wan_flags INTERFACE -fsanitize=${WAN_SANITIZE})
endif()

# wan_library(NAME [DEPS lib...] [EXCLUDE regex]): every .cc directly in this folder, one static library.
function(wan_library name)
  cmake_parse_arguments(ARG "" "EXCLUDE" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*.cc")
  list(FILTER sources EXCLUDE REGEX "/main\\.cc$")
  if(ARG_EXCLUDE)
    list(FILTER sources EXCLUDE REGEX "${ARG_EXCLUDE}")
  endif()
  add_library(${name} STATIC ${sources})
  target_link_libraries(${name} PUBLIC wan_flags ${ARG_DEPS})
endfunction()

# wan_test(NAME SUITE suite [OPTIMISED] [DEPS lib...]): every *_test.cc directly in this folder, one GoogleTest program.
# SUITE is a ctest label, one of: base engine operator jobs store console.
function(wan_test name)
  cmake_parse_arguments(ARG "OPTIMISED" "SUITE;TIMEOUT" "DEPS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/*_test.cc")
  if(NOT sources)
    return()
  endif()
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 300)
  endif()
  add_executable(${name} ${sources})
  target_link_libraries(${name} PRIVATE wan_flags ${ARG_DEPS} GTest::gmock GTest::gtest GTest::gtest_main)
  target_link_libraries(${name} PRIVATE wan_test_paths)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/tests" WAN_OPTIMISED "${ARG_OPTIMISED}")
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS "${ARG_SUITE}" TIMEOUT ${ARG_TIMEOUT})
endfunction()
