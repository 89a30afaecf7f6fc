#include "runtime/jobs/job_request.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/crypto/hmac.h"
#include "base/crypto/sha256.h"

namespace wan::jobs {
namespace {

constexpr std::array<std::string_view, 10> kSpecFields = {
    "prompt", "negativePrompt", "size",  "frames",  "fps",
    "steps",  "guidanceScale",  "shift", "sampler", "seed"};
constexpr int64_t kMaxAttempt = 1'000'000;
constexpr int64_t kMaxDeadlineSeconds = 366LL * 24 * 3600;

bool is_decimal(const std::string& text) {
  return text.size() <= 39 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

Result<std::string> required(const Json& body, std::initializer_list<std::string_view> path,
                             const std::string& name) {
  const Json* value = find(body, path);
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>().empty()) {
    return fail(invalid_argument(name + " must be a string that is not empty"));
  }
  return value->get<std::string>();
}

Result<int64_t> whole_number(const Json& body, std::string_view name, int64_t low, int64_t high) {
  const Json* value = find(body, {name});
  if (value == nullptr || !value->is_number_integer() || value->get<int64_t>() < low ||
      value->get<int64_t>() > high) {
    return fail(invalid_argument(std::string(name) + " is " + (value == nullptr ? "missing" : value->dump()) +
                                 "; allowed: whole numbers from " + std::to_string(low) + " to " +
                                 std::to_string(high)));
  }
  return value->get<int64_t>();
}

Status read_limits(const Json& body, JobRequest& request) {
  WAN_TRY(const int64_t attempt, whole_number(body, "attempt", 1, kMaxAttempt));
  request.attempt = static_cast<int>(attempt);
  request.epoch = string_or(body, {"epoch"}, "");
  if (!is_decimal(request.epoch)) {
    return fail(invalid_argument("epoch is \"" + request.epoch + "\"; allowed: up to 39 decimal digits"));
  }
  if (find(body, {"activeDeadlineSeconds"}) != nullptr) {
    WAN_TRY(request.active_deadline_seconds,
            whole_number(body, "activeDeadlineSeconds", 1, kMaxDeadlineSeconds));
  }
  return {};
}

Status read_image_source(const Json& body, ImageSource& source) {
  WAN_TRY(source.url, required(body, {"image", "url"}, "image.url"));
  WAN_TRY(source.sha256, required(body, {"image", "sha256"}, "image.sha256"));
  source.token = string_or(body, {"image", "token"}, "");
  if (is_sha256_digest(source.sha256)) return {};
  return fail(invalid_argument("image.sha256 is \"" + source.sha256.substr(0, 80) +
                               "\"; allowed: sha256: and 64 hexadecimal digits"));
}

Status read_image(const Json& body, JobRequest& request) {
  if (find(body, {"image"}) == nullptr) return {};
  if (find(body, {"image", "url"}) != nullptr) return read_image_source(body, request.image_source);
  auto bytes = base64_decode(string_or(body, {"image", "data"}, ""));
  if (!bytes || bytes->empty()) {
    return fail(
        invalid_argument("image.data is not the base64 of a file; allowed: that of a PNG, JPEG or WebP"));
  }
  request.image = *std::move(bytes);
  return {};
}

// A field that this version does not know would change the video in one that does.
Status check_spec_fields(const Json& spec) {
  for (const auto& [name, value] : spec.items()) {
    if (std::ranges::find(kSpecFields, name) != kSpecFields.end()) continue;
    std::string allowed;
    for (const std::string_view field : kSpecFields)
      allowed += (allowed.empty() ? "" : ", ") + std::string(field);
    return fail(invalid_argument("spec." + name + " is not known here; allowed: " + allowed));
  }
  return {};
}

// It becomes part of a file's name.
Status check_uid(const std::string& uid) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  if (uid.size() <= 64 && std::ranges::all_of(uid, allowed)) return {};
  return fail(invalid_argument("metadata.uid is \"" + uid.substr(0, 64) +
                               "\"; allowed: up to 64 letters, digits and dashes"));
}

}  // namespace

Result<JobRequest> job_request_from_json(const Json& body) {
  if (!body.is_object()) return fail(invalid_argument("the body must be a JSON object"));
  JobRequest request;
  WAN_TRY(request.uid, required(body, {"metadata", "uid"}, "metadata.uid"));
  WAN_TRY_VOID(check_uid(request.uid));
  WAN_TRY(request.namespace_, required(body, {"metadata", "namespace"}, "metadata.namespace"));
  WAN_TRY(request.name, required(body, {"metadata", "name"}, "metadata.name"));
  request.pod_uid = string_or(body, {"podUID"}, "");
  WAN_TRY_VOID(read_limits(body, request));
  const Json* spec = find(body, {"spec"});
  if (spec == nullptr || !spec->is_object()) return fail(invalid_argument("spec must be an object"));
  WAN_TRY_VOID(check_spec_fields(*spec));
  WAN_TRY(request.spec, pipeline::generation_spec_from_json(*spec));
  WAN_TRY_VOID(read_image(body, request));
  WAN_TRY(request.artifact.url, required(body, {"artifact", "url"}, "artifact.url"));
  request.artifact.token = string_or(body, {"artifact", "token"}, "");
  return request;
}

}  // namespace wan::jobs
