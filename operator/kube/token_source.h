#pragma once
// The bearer token of the next request. A token from a file is read again every minute, because kubelet
// rotates service-account tokens in place; a fixed token stays as it is.

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace wan::kube {

class TokenSource {
 public:
  // At most one of `token` and `file` is set; with neither, there is no token ("" is returned).
  TokenSource(std::string token, std::filesystem::path file, const Clock& clock);
  // A file that cannot be read now is no error while an earlier token is known.
  [[nodiscard]] Result<std::string> token();
  // The server refused the token: the next call reads the file. False if that cannot help (a fixed token).
  bool invalidate();

 private:
  std::string token_;
  std::filesystem::path file_;
  const Clock& clock_;
  std::optional<SteadyTime> read_at_;
};

}  // namespace wan::kube
