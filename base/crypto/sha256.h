#pragma once
// SHA-256 (FIPS 180-4) by OpenSSL, and the digest form "sha256:<64 hex>" that OCI and our APIs use.

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace wan {

using Sha256Bytes = std::array<uint8_t, 32>;

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::span<const std::byte> bytes);
  void update(std::string_view text);
  // Ends the computation; the object is then used up.
  [[nodiscard]] Sha256Bytes finish();
  [[nodiscard]] std::string finish_digest();  // "sha256:..."

 private:
  struct State;
  std::unique_ptr<State> state_;
};

[[nodiscard]] Sha256Bytes sha256(std::string_view text);
[[nodiscard]] std::string sha256_hex(std::string_view text);
[[nodiscard]] std::string sha256_digest(std::string_view text);  // "sha256:..."
[[nodiscard]] Result<std::string> sha256_file_digest(const std::filesystem::path& file);
// True for exactly "sha256:" and 64 lower-case hex digits.
[[nodiscard]] bool is_sha256_digest(std::string_view text);
// The digits of a digest, without "sha256:".
[[nodiscard]] std::string hex_of(std::string_view digest);

[[nodiscard]] std::string to_hex(std::span<const uint8_t> bytes);

}  // namespace wan
