#include "operator/kube/token_source.h"

#include "base/io/file.h"
#include "base/log.h"

namespace wan::kube {
namespace {

// A minute less ten seconds of leeway.
constexpr std::chrono::seconds kReadAgainAfter{50};

}  // namespace

TokenSource::TokenSource(std::string token, std::filesystem::path file, const Clock& clock)
    : token_(std::move(token)), file_(std::move(file)), clock_(clock) {}

Result<std::string> TokenSource::token() {
  if (file_.empty()) return token_;
  const SteadyTime now = clock_.steady();
  if (read_at_ && now - *read_at_ < kReadAgainAfter) return token_;
  auto text = read_file(file_, 1u << 20);
  if (text) {
    const size_t end = text->find_last_not_of(" \r\n\t");
    text->resize(end == std::string::npos ? 0 : end + 1);
  }
  if (!text || text->empty()) {
    if (token_.empty()) {
      return fail(text ? invalid_argument(file_.string() + " is empty; it must hold a bearer token")
                       : text.error().with_context("reading the API server token"));
    }
    log::warn("{} cannot be read now; the earlier token stays in use", file_.string());
  } else {
    token_ = *text;
  }
  read_at_ = now;
  return token_;
}

bool TokenSource::invalidate() {
  read_at_.reset();
  return !file_.empty();
}

}  // namespace wan::kube
