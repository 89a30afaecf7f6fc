#include "base/crypto/sha256.h"

#include <cerrno>
#include <fcntl.h>
#include <openssl/evp.h>
#include <unistd.h>
#include <vector>

#include "base/io/descriptor.h"

namespace wan {
namespace {

constexpr std::string_view kPrefix = "sha256:";
constexpr size_t kFilePiece = 1u << 18;

// EVP_sha256() would be looked up among the providers for every hash.
const EVP_MD* algorithm() {
  static const EVP_MD* fetched = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return fetched;
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  WAN_CHECK(state_->context && EVP_DigestInit_ex(state_->context, algorithm(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::span<const std::byte> bytes) {
  WAN_CHECK(state_ && EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

void Sha256::update(std::string_view text) { update(std::as_bytes(std::span(text.data(), text.size()))); }

Sha256Bytes Sha256::finish() {
  Sha256Bytes digest{};
  WAN_CHECK(state_ && EVP_DigestFinal_ex(state_->context, digest.data(), nullptr) == 1);
  state_.reset();
  return digest;
}

std::string Sha256::finish_digest() { return std::string(kPrefix) + to_hex(finish()); }

Sha256Bytes sha256(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.finish();
}

std::string sha256_hex(std::string_view text) { return to_hex(sha256(text)); }

std::string sha256_digest(std::string_view text) { return std::string(kPrefix) + sha256_hex(text); }

Result<std::string> sha256_file_digest(const std::filesystem::path& file) {
  WAN_TRY(const Descriptor descriptor, open_file(file, O_RDONLY));
  Sha256 hash;
  std::vector<std::byte> piece(kFilePiece);
  for (;;) {
    const ssize_t count = ::read(descriptor.get(), piece.data(), piece.size());
    if (count == 0) return hash.finish_digest();
    if (count < 0 && errno != EINTR) return fail(from_errno(errno, "read " + file.string()));
    if (count > 0) hash.update(std::span(piece.data(), static_cast<size_t>(count)));
  }
}

bool is_sha256_digest(std::string_view text) {
  return text.size() == kPrefix.size() + 64 && text.starts_with(kPrefix) &&
         text.find_first_not_of("0123456789abcdef", kPrefix.size()) == text.npos;
}

std::string hex_of(std::string_view digest) { return std::string(digest.substr(digest.find(':') + 1)); }

std::string to_hex(std::span<const uint8_t> bytes) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

}  // namespace wan
