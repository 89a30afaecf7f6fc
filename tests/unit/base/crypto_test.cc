#include <fstream>
#include <gtest/gtest.h>

#include "base/crypto/capability.h"
#include "base/crypto/ed25519.h"
#include "base/crypto/hmac.h"
#include "base/crypto/sha256.h"
#include "base/json/json.h"
#include "temporary_folder.h"

namespace wan {
namespace {

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes += static_cast<char>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  }
  return bytes;
}

std::string hex(std::string_view bytes) {
  return to_hex(std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

TEST(Sha256, MatchesFips180) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, PiecesGiveTheSameDigest) {
  Sha256 hash;
  hash.update("ab");
  hash.update("");
  hash.update(std::as_bytes(std::span("c", 1)));
  EXPECT_EQ(hash.finish_digest(), sha256_digest("abc"));
}

TEST(Sha256, HashesAFile) {
  const testing::TemporaryFolder folder;
  const std::string bytes(1'000'000, 'a');
  std::ofstream(folder.path() / "f") << bytes;
  EXPECT_EQ(sha256_file_digest(folder.path() / "f").value(),
            "sha256:cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(sha256_file_digest(folder.path() / "absent").error().code, ErrorCode::kNotFound);
}

TEST(Sha256, KnowsTheFormOfADigest) {
  const std::string digest = sha256_digest("x");
  EXPECT_TRUE(is_sha256_digest(digest));
  EXPECT_FALSE(is_sha256_digest(digest.substr(7)));
  EXPECT_FALSE(is_sha256_digest(digest + "0"));
  EXPECT_FALSE(is_sha256_digest("sha256:" + std::string(64, 'A')));
  EXPECT_FALSE(is_sha256_digest("sha512:" + std::string(64, 'a')));
}

TEST(Hmac, MatchesRfc4231) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(20, '\x0b'), "Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(
      to_hex(hmac_sha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
      "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  EXPECT_EQ(to_hex(hmac_sha256("", "")), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(Crypto, ComparesInConstantTime) {
  EXPECT_TRUE(equal_constant_time("", ""));
  EXPECT_TRUE(equal_constant_time("abc", "abc"));
  EXPECT_FALSE(equal_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_constant_time("abc", "ab"));
}

TEST(Crypto, RandomBytesDiffer) {
  EXPECT_EQ(random_bytes(0), "");
  EXPECT_EQ(random_bytes(1000).size(), 1000u);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

TEST(Base64, MatchesRfc4648) {
  const std::pair<const char*, const char*> vectors[] = {{"", ""},
                                                         {"f", "Zg=="},
                                                         {"fo", "Zm8="},
                                                         {"foo", "Zm9v"},
                                                         {"foob", "Zm9vYg=="},
                                                         {"fooba", "Zm9vYmE="},
                                                         {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    EXPECT_EQ(base64_encode(bytes), text);
    EXPECT_EQ(base64_decode(text).value(), bytes);
    const std::string unpadded = std::string(text).substr(0, std::string(text).find('='));
    EXPECT_EQ(base64url_encode(bytes), unpadded);
    EXPECT_EQ(base64url_decode(unpadded).value(), bytes);
  }
  EXPECT_EQ(base64_encode("\xfb\xff"), "+/8=");
  EXPECT_EQ(base64url_encode("\xfb\xff"), "-_8");
}

TEST(Base64, RefusesOtherForms) {
  for (const char* text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "-_8=", "Zg==Zg=="}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  for (const char* text : {"Zg==", "Z", "Zh", "Zm9", "+/8", "Zm9vZ"})
    EXPECT_FALSE(base64url_decode(text)) << text;
}

TEST(Ed25519, MatchesRfc8032) {
  struct Vector {
    const char *seed, *public_key, *message, *signature;
  };
  const Vector vectors[] = {{"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                             "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
                             "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33ba"
                             "cc61e39701cf9b46bd25bf5f0595bbe"
                             "24655141438e7a100b"},
                            {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                             "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
                             "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996"
                             "e458f3613d0f11d8c387b2eaeb4302a"
                             "eeb00d291612bb0c00"},
                            {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                             "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
                             "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f29"
                             "0ae67f760984dc6594a7c15e9716ed2"
                             "8dc027beceea1ec40a"}};
  for (const Vector& vector : vectors) {
    const std::string seed = from_hex(vector.seed), message = from_hex(vector.message);
    EXPECT_EQ(hex(ed25519_public_key(seed).value()), vector.public_key);
    const std::string signature = ed25519_sign(message, seed).value();
    EXPECT_EQ(hex(signature), vector.signature);
    EXPECT_TRUE(ed25519_verify(message, signature, from_hex(vector.public_key)));
    EXPECT_FALSE(ed25519_verify(message + "x", signature, from_hex(vector.public_key)));
    EXPECT_FALSE(ed25519_verify(message, signature.substr(1), from_hex(vector.public_key)));
    EXPECT_FALSE(ed25519_verify(message, signature, "short"));
  }
  EXPECT_EQ(ed25519_public_key("short").error().code, ErrorCode::kInvalidArgument);
}

TEST(Jws, MatchesRfc8037AppendixA) {
  const std::string seed = base64url_decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A").value();
  const std::string key = base64url_decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").value();
  const std::string expected =
      "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
      "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
  EXPECT_EQ(sign_jws("Example of Ed25519 signing", seed).value(), expected);
  EXPECT_EQ(verify_jws(expected, key).value(), "Example of Ed25519 signing");
}

class CapabilityTest : public ::testing::Test {
 protected:
  [[nodiscard]] std::string refusal(std::string_view text, std::string_view audience = "pod-1",
                                    std::chrono::seconds late = std::chrono::seconds(0)) const {
    const Result<Capability> verified = verify_capability(text, key, audience, now + late);
    if (verified) return "accepted";
    EXPECT_EQ(verified.error().code, ErrorCode::kPermissionDenied);
    if (text.size() > 10) EXPECT_EQ(verified.error().message.find(text), std::string::npos);
    return verified.error().message;
  }
  // A token whose signature fits, over a header and a payload of the test's choice.
  [[nodiscard]] std::string forge(std::string_view header, std::string_view payload) const {
    const std::string input = base64url_encode(header) + "." + base64url_encode(payload);
    return input + "." + base64url_encode(ed25519_sign(input, seed).value());
  }

  std::string seed = std::string(32, 's');
  std::string key = ed25519_public_key_base64(seed).value();
  WallTime now = parse_time("2026-01-31T12:00:00Z").value();
  Capability capability{.audience = "pod-1",
                        .subject = "uid-1",
                        .scope = "job",
                        .path = "a/b.mp4",
                        .attempt = 2,
                        .epoch = "12345",
                        .expires_at = now + std::chrono::minutes(15)};
  std::string token = sign_capability(capability, seed).value();
};

TEST_F(CapabilityTest, ComesBackAsItWasSigned) {
  const Result<Capability> verified = verify_capability(token, key, "pod-1", now);
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->subject, "uid-1");
  EXPECT_EQ(verified->scope, "job");
  EXPECT_EQ(verified->path, "a/b.mp4");
  EXPECT_EQ(verified->attempt, 2);
  EXPECT_EQ(verified->epoch, "12345");
  EXPECT_EQ(verified->expires_at, capability.expires_at);
}

TEST_F(CapabilityTest, IsRefusedForAnotherAudience) {
  EXPECT_EQ(refusal(token, "pod-2"), "token refused: it was issued for another audience");
  EXPECT_EQ(refusal(token, ""), "token refused: it was issued for another audience");
}

TEST_F(CapabilityTest, ExpiresWithAMinuteOfLeeway) {
  EXPECT_EQ(refusal(token, "pod-1", std::chrono::seconds(15 * 60 + 59)), "accepted");
  EXPECT_EQ(refusal(token, "pod-1", std::chrono::seconds(15 * 60 + 60)), "token refused: it has expired");
}

TEST_F(CapabilityTest, EveryChangedCharacterIsRefused) {
  for (size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(refusal(changed), "accepted") << i;
  }
}

TEST_F(CapabilityTest, AnotherKeyOrFormIsRefused) {
  EXPECT_NE(refusal(sign_capability(capability, std::string(32, 'x')).value()), "accepted");
  for (const std::string& bad : {std::string(), std::string("a"), std::string("a.b"), std::string(".."),
                                 token + ".", "." + token, token + "=", std::string(5000, 'a')}) {
    EXPECT_NE(refusal(bad), "accepted") << bad;
  }
  key = "";
  EXPECT_NE(refusal(token), "accepted");
}

TEST_F(CapabilityTest, OnlyOurAlgorithmIsAccepted) {
  const std::string payload =
      base64url_decode(token.substr(token.find('.') + 1, token.rfind('.') - token.find('.') - 1)).value();
  EXPECT_EQ(refusal(forge(R"({"alg":"EdDSA"})", payload)), "accepted");
  for (const char* header : {R"({"alg":"none"})", R"({"alg":"HS256"})", R"({"alg":"EdDSA","crit":["b64"]})",
                             R"({})", R"({"alg":"none","alg":"EdDSA"})", "x"}) {
    EXPECT_EQ(refusal(forge(header, payload)), "token refused: its header does not name the algorithm EdDSA")
        << header;
  }
}

TEST_F(CapabilityTest, MalformedClaimsAreRefused) {
  const Json good =
      parse_json(
          R"({"aud":"pod-1","sub":"","scope":"pod","path":"","attempt":0,"epoch":"1","exp":4102444800})")
          .value();
  EXPECT_EQ(refusal(forge(R"({"alg":"EdDSA"})", good.dump())), "accepted");
  for (const char* name : {"aud", "sub", "scope", "path", "attempt", "epoch", "exp"}) {
    for (const Json& value : {Json(nullptr), Json(1.5), Json(-1), Json::array({"pod-1"})}) {
      Json bad = good;
      bad[name] = value;
      EXPECT_NE(refusal(forge(R"({"alg":"EdDSA"})", bad.dump())), "accepted") << bad;
    }
    Json without = good;
    without.erase(name);
    EXPECT_NE(refusal(forge(R"({"alg":"EdDSA"})", without.dump())), "accepted") << name;
  }
  EXPECT_NE(refusal(forge(R"({"alg":"EdDSA"})", "[]")), "accepted");
}

TEST(Epoch, ComparesByLengthThenText) {
  EXPECT_TRUE(epoch_less("9", "10"));
  EXPECT_FALSE(epoch_less("10", "9"));
  EXPECT_FALSE(epoch_less("10", "10"));
  EXPECT_TRUE(epoch_less("99999999999999999999999999999", "100000000000000000000000000000"));
  EXPECT_TRUE(epoch_less("", "1"));
  EXPECT_FALSE(epoch_less("007", "7"));
  EXPECT_FALSE(epoch_less("0", ""));
}

}  // namespace
}  // namespace wan
