#pragma once
// How much memory there is in all, on the host and on the device: never how much is free now.

#include <c10/core/Device.h>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace wan::device {

// Bytes this process may ever have: the machine's memory, or its cgroup's limit where that is lower. `root`
// is
// "/", another one in tests.
[[nodiscard]] int64_t host_memory(const std::filesystem::path& root = "/");

// Bytes of a CUDA device; nothing for the CPU, or where the CUDA runtime does not say.
[[nodiscard]] std::optional<int64_t> device_memory(const c10::Device& device);

}  // namespace wan::device
