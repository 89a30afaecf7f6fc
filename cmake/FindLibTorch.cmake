# LibTorch from the unpacked `torch` wheel (cmake/libtorch.lock; `./wan setup` unpacks it). torch's own
# find_package(Torch) wants a CUDA toolkit, so this links the two libraries that our code calls and nothing else:
# libtorch_cuda is loaded at run time, when a device asks for it.
#
# The wheels' folder layout must stay as it is: libtorch_cpu's RPATH finds the CUDA runtime, CUPTI and the bundled
# libgomp relative to itself.
include(FindPackageHandleStandardArgs)

if(NOT LibTorch_ROOT)
  set(wan_cache "$ENV{WAN_CACHE}")
  if(NOT wan_cache)
    set(wan_cache "$ENV{HOME}/.cache/wan")
  endif()
  file(SHA256 "${CMAKE_SOURCE_DIR}/cmake/libtorch.lock" libtorch_key)
  string(SUBSTRING "${libtorch_key}" 0 16 libtorch_key)
  set(LibTorch_ROOT "${wan_cache}/libtorch/${libtorch_key}")
endif()

find_path(LibTorch_INCLUDE_DIR ATen/ATen.h PATHS "${LibTorch_ROOT}/torch/include" NO_DEFAULT_PATH)
find_library(LibTorch_CPU_LIBRARY torch_cpu PATHS "${LibTorch_ROOT}/torch/lib" NO_DEFAULT_PATH)
find_library(LibTorch_C10_LIBRARY c10 PATHS "${LibTorch_ROOT}/torch/lib" NO_DEFAULT_PATH)
find_package_handle_standard_args(LibTorch
  REQUIRED_VARS LibTorch_CPU_LIBRARY LibTorch_C10_LIBRARY LibTorch_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "run ./wan setup first")

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  # Last on the search path: torch brings headers of other libraries along (its fmt is not the one spdlog was
  # built with).
  target_compile_options(LibTorch::LibTorch INTERFACE
    "SHELL:-idirafter ${LibTorch_INCLUDE_DIR}" "SHELL:-idirafter ${LibTorch_INCLUDE_DIR}/torch/csrc/api/include")
  target_link_libraries(LibTorch::LibTorch INTERFACE "${LibTorch_CPU_LIBRARY}" "${LibTorch_C10_LIBRARY}")
  # One header per operator: without this every file that includes a Tensor parses all two thousand.
  target_compile_definitions(LibTorch::LibTorch INTERFACE AT_PER_OPERATOR_HEADERS)
endif()
