# Library headers are two thirds of what a file of ours costs to compile, so they are parsed once per kind of target:
# plain, with Asio, with LibTorch, with CLI11, for tests. Only headers of others are in them; ours change too often.
# -D WAN_PRECOMPILE=OFF builds without (and finds a missing #include).
option(WAN_PRECOMPILE "Parse library headers once per kind of target" ON)

set(wan_headers_plain
  <algorithm> <array> <charconv> <chrono> <cstdint> <expected> <filesystem> <fstream> <functional> <iostream>
  <map> <memory> <optional> <set> <span> <sstream> <string> <string_view> <utility> <variant> <vector>
  <nlohmann/json.hpp>)
set(wan_headers_asio <boost/asio/as_tuple.hpp> <boost/asio/awaitable.hpp> <boost/asio/bind_cancellation_slot.hpp>
  <boost/asio/co_spawn.hpp> <boost/asio/io_context.hpp> <boost/asio/ip/tcp.hpp> <boost/asio/post.hpp>
  <boost/asio/ssl.hpp> <boost/asio/steady_timer.hpp> <boost/asio/thread_pool.hpp> <boost/asio/use_awaitable.hpp>
  <boost/asio/write.hpp>)
set(wan_headers_torch <ATen/core/Tensor.h> <ATen/ops/add.h> <ATen/ops/cat.h> <ATen/ops/empty.h> <ATen/ops/mul.h>
  <ATen/ops/sub.h> <ATen/ops/sum.h> <ATen/ops/tensor.h> <ATen/ops/zeros.h>)
set(wan_headers_cli <CLI/CLI.hpp>)
set(wan_headers_test <gmock/gmock.h> <gtest/gtest.h>)

# One target per combination that is used; its name says which. FLAGS are what its users are compiled with beside all
# others'.
function(wan_precompiled_target name kinds libraries flags)
  if(NOT EXISTS "${CMAKE_BINARY_DIR}/pch/${name}.cc")  # written anew, it would be compiled anew
    file(WRITE "${CMAKE_BINARY_DIR}/pch/${name}.cc" "")
  endif()
  add_library(${name} OBJECT "${CMAKE_BINARY_DIR}/pch/${name}.cc")
  target_link_libraries(${name} PRIVATE wan_flags nlohmann_json::nlohmann_json ${libraries})
  set(headers ${wan_headers_plain})
  foreach(kind IN LISTS kinds)
    list(APPEND headers ${wan_headers_${kind}})
  endforeach()
  target_compile_options(${name} PRIVATE -Xclang -fno-pch-timestamp ${flags})
  target_precompile_headers(${name} PRIVATE ${headers})
  # A precompiled header knows its own path, so it is no use to another checkout: ccache must not keep it, and tells
  # the objects that use it apart by what went into it (CCACHE_PCH_EXTSUM), not by its bytes.
  set_target_properties(${name} PROPERTIES CXX_COMPILER_LAUNCHER "")
  string(SHA256 sum "${headers} ${flags} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_BUILD_TYPE} ${WAN_SANITIZE} ${PROJECT_VERSION}
    ${Boost_VERSION} ${nlohmann_json_VERSION} ${GTest_VERSION} ${OPENSSL_VERSION} ${CLI11_VERSION} ${LibTorch_INCLUDE_DIR}")
  set(header "${CMAKE_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.pch")
  file(WRITE "${header}.sum" "${sum}\n")
  # Objects wait for utility targets only, not for the objects of other libraries.
  add_custom_target(${name}_ready DEPENDS "${header}")
endfunction()

function(wan_links_to target wanted result)
  get_target_property(libraries ${target} LINK_LIBRARIES)
  get_target_property(interface ${target} INTERFACE_LINK_LIBRARIES)
  set(${result} OFF PARENT_SCOPE)
  foreach(library IN LISTS libraries interface)
    if(library STREQUAL wanted)
      set(${result} ON PARENT_SCOPE)
      return()
    endif()
    if(TARGET "${library}")
      wan_links_to("${library}" ${wanted} found)
      if(found)
        set(${result} ON PARENT_SCOPE)
        return()
      endif()
    endif()
  endforeach()
endfunction()

function(wan_targets_below folder result)
  get_property(targets DIRECTORY "${folder}" PROPERTY BUILDSYSTEM_TARGETS)
  get_property(folders DIRECTORY "${folder}" PROPERTY SUBDIRECTORIES)
  foreach(subfolder IN LISTS folders)
    wan_targets_below("${subfolder}" more)
    list(APPEND targets ${more})
  endforeach()
  set(${result} ${targets} PARENT_SCOPE)
endfunction()

# Called once, when every target is known.
function(wan_precompile_all)
  if(NOT WAN_PRECOMPILE)
    return()
  endif()
  wan_targets_below("${CMAKE_SOURCE_DIR}" targets)
  foreach(target IN LISTS targets)
    get_target_property(type ${target} TYPE)
    if(NOT type MATCHES "^(STATIC_LIBRARY|EXECUTABLE)$")
      continue()
    endif()
    set(name wan_headers)
    set(kinds "")
    set(libraries "")
    foreach(pair test:GTest::gtest asio:wan_asio torch:LibTorch::LibTorch cli:CLI11::CLI11)
      string(REGEX MATCH "^([a-z]+):(.*)$" _ "${pair}")
      set(kind ${CMAKE_MATCH_1})
      set(library ${CMAKE_MATCH_2})
      wan_links_to(${target} ${library} found)
      if(found AND NOT (kind STREQUAL cli AND test IN_LIST kinds))
        string(APPEND name "_${kind}")
        list(APPEND kinds ${kind})
        list(APPEND libraries ${library})
      endif()
    endforeach()
    # Test programs spend their time in the libraries and in waiting: not optimised, their files compile in a third of
    # the time. Not those that compute (wan_test(... OPTIMISED)): the linker keeps one copy of an inline function, and
    # it keeps the test's.
    set(flags "")
    get_target_property(optimised ${target} WAN_OPTIMISED)
    if(type STREQUAL EXECUTABLE AND test IN_LIST kinds AND NOT optimised)
      set(flags -O0)
      string(APPEND name "_quick")
    elseif(target MATCHES "_fuzz$")
      set(flags -fsanitize=fuzzer-no-link)
      string(APPEND name "_fuzz")
    endif()
    if(NOT TARGET ${name})
      wan_precompiled_target(${name} "${kinds}" "${libraries}" "${flags}")
    endif()
    target_compile_options(${target} PRIVATE ${flags})
    # Not by REUSE_FROM, whose -Xclang options carry paths that ccache can't make relative to the checkout.
    target_compile_options(${target} PRIVATE
      "SHELL:-include-pch ${CMAKE_BINARY_DIR}/CMakeFiles/${name}.dir/cmake_pch.hxx.pch")
    add_dependencies(${target} ${name}_ready)
  endforeach()
endfunction()
