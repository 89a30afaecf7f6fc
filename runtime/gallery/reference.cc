#include "runtime/gallery/reference.h"

#include "base/crypto/sha256.h"
#include "runtime/gallery/key.h"

namespace wan::gallery {
namespace {

constexpr std::string_view kScheme = "local://";

Error bad(std::string_view text, std::string_view why) {
  return invalid_argument("source \"" + std::string(text) + "\": " + std::string(why) +
                          "; expected local://PATH_TO_LAYOUT:NAME[@sha256:HEX], for example "
                          "local:///opt/wan/gallery:wan-tiny");
}

}  // namespace

Result<Reference> parse_reference(std::string_view text) {
  if (!text.starts_with(kScheme)) return fail(bad(text, "only local:// sources can be pulled"));
  std::string_view rest = text.substr(kScheme.size());
  Reference reference;
  if (const size_t at = rest.rfind("@sha256:"); at != rest.npos) {
    reference.digest = rest.substr(at + 1);
    rest = rest.substr(0, at);
    if (!is_sha256_digest(reference.digest)) return fail(bad(text, "the digest is not 64 hex digits"));
  }
  const size_t slash = rest.rfind('/');
  const size_t colon = rest.rfind(':');
  if (colon != rest.npos && (slash == rest.npos || colon > slash)) {
    reference.name = rest.substr(colon + 1);
    rest = rest.substr(0, colon);
    if (auto good = check_name(reference.name); !good) return fail(bad(text, good.error().message));
  }
  if (rest.empty()) return fail(bad(text, "the path is missing"));
  reference.layout = rest;
  return reference;
}

std::string to_string(const Reference& reference) {
  std::string text = std::string(kScheme) + reference.layout.string();
  if (!reference.name.empty()) text += ":" + reference.name;
  if (!reference.digest.empty()) text += "@" + reference.digest;
  return text;
}

}  // namespace wan::gallery
