// The published examples: "Signature Calculations for the Authorization Header" of the S3 API reference, and
// the first of the Signature Version 4 test suite.

#include "runtime/gallery/artifacts/sigv4.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/crypto/sha256.h"

namespace wan::gallery {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;

const S3Credentials kExample{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", ""};
const SigningScope kScope{"us-east-1", "s3", *parse_time("2013-05-24T00:00:00Z")};

std::string signed_by_example(net::Request request, const std::string& body = "") {
  sign_for_s3(request, "examplebucket.s3.amazonaws.com", sha256_hex(body), kExample, kScope);
  return std::string(*request.headers.get("Authorization"));
}

TEST(SigV4, OfAGetWithARange) {
  EXPECT_EQ(signed_by_example({"GET", "/test.txt", {{"Range", "bytes=0-9"}}, ""}),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
            "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(SigV4, OfAPut) {
  const net::Headers headers{{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                             {"x-amz-storage-class", "REDUCED_REDUNDANCY"}};
  EXPECT_EQ(signed_by_example({"PUT", "/test%24file.text", headers, ""}, "Welcome to Amazon S3."),
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
            "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class,"
            "Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd");
}

TEST(SigV4, OfAQuery) {
  EXPECT_THAT(signed_by_example({"GET", "/?lifecycle", {}, ""}),
              EndsWith("fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
  EXPECT_THAT(signed_by_example({"GET", "/?max-keys=2&prefix=J", {}, ""}),
              EndsWith("34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"));
  EXPECT_EQ(signed_by_example({"GET", "/?prefix=J&max-keys=2", {}, ""}),
            signed_by_example({"GET", "/?max-keys=2&prefix=J", {}, ""}))
      << "in any order";
}

TEST(SigV4, OfAnotherService) {
  const net::Headers headers{{"Host", "example.amazonaws.com"}, {"X-Amz-Date", "20150830T123600Z"}};
  const S3Credentials credentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", ""};
  const SigningScope scope{"us-east-1", "service", *parse_time("2015-08-30T12:36:00Z")};
  EXPECT_THAT(authorization_v4({"GET", "/", headers, ""}, sha256_hex(""), credentials, scope),
              EndsWith("5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
}

TEST(SigV4, ATokenIsSentAndSigned) {
  net::Request request{"GET", "/a", {}, ""};
  S3Credentials temporary = kExample;
  temporary.session_token = "of-an-hour";
  sign_for_s3(request, "h", sha256_hex(""), temporary, kScope);
  EXPECT_EQ(request.headers.get("X-Amz-Security-Token"), "of-an-hour");
  EXPECT_THAT(std::string(*request.headers.get("Authorization")), HasSubstr("x-amz-security-token"));
  EXPECT_THAT(std::string(*request.headers.get("Authorization")), Not(HasSubstr(kExample.secret_access_key)));
}

}  // namespace
}  // namespace wan::gallery
