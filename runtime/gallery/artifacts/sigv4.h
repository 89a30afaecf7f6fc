#pragma once
// AWS Signature Version 4 (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html): a request
// in, the value of its Authorization header out. Pure.

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/net/http.h"

namespace wan::gallery {

// Never logged or shown.
struct S3Credentials {
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // "" for a key that does not expire
};

struct SigningScope {
  std::string region;
  std::string service = "s3";
  WallTime now;
};

// "20150830T123600Z": the value of X-Amz-Date.
[[nodiscard]] std::string amz_date(WallTime time);

// Signs every header of the request, of which Host and X-Amz-Date must be some. `payload_sha256`: 64 hex
// digits of the body. The path is signed as it stands in the target, which is S3's own rule.
[[nodiscard]] std::string authorization_v4(const net::Request& request, std::string_view payload_sha256,
                                           const S3Credentials& credentials, const SigningScope& scope);

// Sets Host, X-Amz-Date, X-Amz-Content-SHA256, X-Amz-Security-Token where there is one, and Authorization.
void sign_for_s3(net::Request& request, const std::string& host, const std::string& payload_sha256,
                 const S3Credentials& credentials, const SigningScope& scope);

}  // namespace wan::gallery
