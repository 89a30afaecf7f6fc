#pragma once
// Bytes that have arrived and are not yet used, in one piece of fixed size. Internal to base/net.

#include <cstring>
#include <memory>
#include <string_view>

namespace wan::net {

class ReadBuffer {
 public:
  explicit ReadBuffer(size_t capacity)
      : bytes_(std::make_unique_for_overwrite<char[]>(capacity)), capacity_(capacity) {}

  [[nodiscard]] std::string_view unused() const { return {bytes_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] bool is_full() const { return end_ - begin_ == capacity_; }
  void use(size_t count) { begin_ += count; }

  // Where up to free_size() more bytes may be put; then grow() by what was put there.
  [[nodiscard]] char* free_space() {
    if (begin_ > 0) {
      std::memmove(bytes_.get(), bytes_.get() + begin_, end_ - begin_);
      end_ -= begin_;
      begin_ = 0;
    }
    return bytes_.get() + end_;
  }
  [[nodiscard]] size_t free_size() const { return capacity_ - (end_ - begin_); }
  void grow(size_t count) { end_ += count; }

 private:
  std::unique_ptr<char[]> bytes_;
  size_t capacity_, begin_ = 0, end_ = 0;
};

}  // namespace wan::net
