#include "runtime/gallery/artifacts/s3_error.h"

#include <algorithm>

namespace wan::gallery {
namespace {

constexpr size_t kLookedAt = 4096;
constexpr size_t kMaxCode = 64;

struct Meaning {
  const char* code;
  ErrorCode kind;
  const char* advice;
};

constexpr Meaning kMeanings[] = {
    {"NoSuchKey", ErrorCode::kNotFound, "there is no such object"},
    {"NoSuchBucket", ErrorCode::kFailedPrecondition, "there is no such bucket: make it, or name another one"},
    {"InvalidAccessKeyId", ErrorCode::kPermissionDenied,
     "the server does not know the access key: correct AWS_ACCESS_KEY_ID"},
    {"XAdminUserNotFound", ErrorCode::kPermissionDenied,
     "the server does not know the access key: correct AWS_ACCESS_KEY_ID"},
    {"SignatureDoesNotMatch", ErrorCode::kPermissionDenied,
     "the secret key is not that of the access key: correct AWS_SECRET_ACCESS_KEY"},
    {"ExpiredToken", ErrorCode::kPermissionDenied, "the session token has expired: renew the credentials"},
    {"InvalidToken", ErrorCode::kPermissionDenied,
     "the session token is not valid: correct or leave out AWS_SESSION_TOKEN"},
    {"RequestTimeTooSkewed", ErrorCode::kPermissionDenied,
     "the clocks of this machine and the server differ by too much: set them right"},
    {"AccessDenied", ErrorCode::kPermissionDenied,
     "the key may not: allow it GetObject, PutObject, DeleteObject and ListBucket"},
    {"AuthorizationHeaderMalformed", ErrorCode::kFailedPrecondition,
     "the bucket is in another region: name that"},
    {"PermanentRedirect", ErrorCode::kFailedPrecondition,
     "the bucket is at another endpoint or in another region: name those"},
    {"NotImplemented", ErrorCode::kFailedPrecondition,
     "the server does not know conditional writes (If-None-Match), without which a published video could be "
     "overwritten: use a newer one"},
    {"XAmzContentSHA256Mismatch", ErrorCode::kCorrupt, "other bytes arrived than were sent"},
    {"EntityTooLarge", ErrorCode::kResourceExhausted, "the server takes no object as large as this"},
    {"QuotaExceeded", ErrorCode::kResourceExhausted, "the bucket is full: make room or raise its quota"},
    {"XMinioStorageFull", ErrorCode::kResourceExhausted, "the server's disks are full"},
    {"SlowDown", ErrorCode::kUnavailable, "the server asks for patience"},
};

Meaning of_status(unsigned status) {
  if (status == 404) return {"", ErrorCode::kNotFound, "there is no such object"};
  if (status == 401 || status == 403) {
    return {"", ErrorCode::kPermissionDenied,
            "the server refuses the key: check the key and what it is allowed"};
  }
  if (status == 301 || status == 307) {
    return {"", ErrorCode::kFailedPrecondition,
            "the bucket is at another endpoint or in another region: name those"};
  }
  if (status == 501) {
    return {"", ErrorCode::kFailedPrecondition, "the server does not know this kind of request"};
  }
  if (status == 507) return {"", ErrorCode::kResourceExhausted, "the server's disks are full"};
  if (status == 429 || status >= 500)
    return {"", ErrorCode::kUnavailable, "the server has trouble of its own"};
  return {"", ErrorCode::kInternal, "the server refuses the request"};
}

}  // namespace

std::string s3_error_code(std::string_view body) {
  body = body.substr(0, kLookedAt);
  const size_t begin = body.find("<Code>");
  const size_t end = body.find("</Code>");
  if (begin == body.npos || end == body.npos || end < begin + 6) return "";
  const std::string_view code = body.substr(begin + 6, end - begin - 6);
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return code.size() <= kMaxCode && std::ranges::all_of(code, is_letter) ? std::string(code) : "";
}

Error s3_error(const S3Place& place, std::string_view operation, unsigned status, std::string_view code) {
  const auto* known =
      std::ranges::find(kMeanings, code, [](const Meaning& m) { return std::string_view(m.code); });
  const Meaning meaning = known != std::end(kMeanings) ? *known : of_status(status);
  std::string message = "bucket " + place.bucket + " at " + place.endpoint + " (region " + place.region +
                        "): " + std::string(operation) + ": HTTP " + std::to_string(status);
  if (!code.empty()) message += " " + std::string(code);
  return {meaning.kind, message + ": " + meaning.advice};
}

}  // namespace wan::gallery
