#pragma once
// A file descriptor that closes itself, and the two loops that every use of one needs.

#include <filesystem>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace wan {

class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~Descriptor() { close(); }

  [[nodiscard]] int get() const { return number_; }
  [[nodiscard]] bool is_open() const { return number_ >= 0; }
  [[nodiscard]] int release() { return std::exchange(number_, -1); }
  // 0, or -1 with errno (delayed write errors of network file systems arrive here).
  int close();

 private:
  int number_ = -1;
};

// open(2) with O_CLOEXEC; the error names the path.
[[nodiscard]] Result<Descriptor> open_file(const std::filesystem::path& file, int flags,
                                           unsigned mode = 0644);
// Writes all of `bytes`, through short writes and interruptions.
[[nodiscard]] Status write_all(int descriptor, std::string_view bytes);

}  // namespace wan
