#pragma once
// What an S3 server's refusal means, in words for whoever runs the store. Pure.

#include <string>
#include <string_view>

#include "base/result.h"

namespace wan::gallery {

// Which bucket, as messages name it.
struct S3Place {
  std::string endpoint;  // "https://s3.example.com"
  std::string bucket;
  std::string region;
};

// The text of <Code> in the first kilobytes of an error's body, if it is one word; else "".
[[nodiscard]] std::string s3_error_code(std::string_view body);

// kNotFound: no such object. kPermissionDenied, kFailedPrecondition: somebody must put something right.
// kCorrupt: other bytes arrived than were sent. kResourceExhausted: full. kUnavailable: worth another try.
[[nodiscard]] Error s3_error(const S3Place& place, std::string_view operation, unsigned status,
                             std::string_view code);

}  // namespace wan::gallery
