#include "runtime/gallery/artifacts/s3_client.h"

#include <algorithm>
#include <array>

#include "base/async/blocking.h"
#include "base/crypto/sha256.h"
#include "base/environment.h"
#include "base/io/file.h"
#include "base/text.h"

namespace wan::gallery {

struct S3Client::Call {
  std::string method;
  std::string key;
  net::Headers headers;
  std::string body;
  std::filesystem::path file;
  std::string sha256;  // of the body
};

namespace {

constexpr std::chrono::milliseconds kTimeout{30'000};
constexpr std::chrono::milliseconds kFirstPause{200};
constexpr int kAttempts = 3;
constexpr std::chrono::seconds kCredentialsAge{60};
constexpr size_t kMaxSecretBytes = 16u << 10;
constexpr size_t kMaxErrorBytes = 64u << 10;
constexpr const char* kEmptySha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

// "" where it is absent.
Result<std::string> secret(const std::filesystem::path& folder, const char* name) {
  if (folder.empty()) return environment(name);
  auto text = read_file(folder / name, kMaxSecretBytes);
  if (text) return without_line_end(*std::move(text));
  if (text.error().code == ErrorCode::kNotFound) return "";
  return fail(text.error());
}

Error missing(const std::filesystem::path& folder, const std::string& name) {
  if (folder.empty()) return failed_precondition("the environment variable " + name + " is not set");
  return failed_precondition(folder.string() + " has no " + name + ": the Secret " +
                             folder.filename().string() +
                             " must be there, with the keys AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY");
}

bool is_precondition(unsigned status, std::string_view body) {
  // 409: two conditional writes of one key at a time; the other one has it or is about to.
  return status == 412 || (status == 409 && s3_error_code(body) == "ConditionalRequestConflict");
}

bool is_passing(const Result<net::Response>& response) {
  if (!response) {
    const ErrorCode code = response.error().code;
    return code == ErrorCode::kUnavailable || code == ErrorCode::kDeadlineExceeded;
  }
  const unsigned status = response->status;
  return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

std::string endpoint_text(const net::Url& url) { return url.scheme + "://" + net::authority(url); }

// As SDKs write it: without the scheme's own port.
std::string host_header(const net::Url& url) {
  const std::string all = net::authority(url);
  const bool is_usual = url.port == (url.scheme == "https" ? 443 : 80);
  return is_usual ? all.substr(0, all.rfind(':')) : all;
}

}  // namespace

bool wants_bucket_in_host(const net::Url& endpoint) {
  constexpr std::array<std::string_view, 4> kDomains{".amazonaws.com", ".amazonaws.com.cn", ".aliyuncs.com",
                                                     ".myqcloud.com"};
  return std::ranges::any_of(kDomains,
                             [&](std::string_view domain) { return endpoint.host.ends_with(domain); });
}

Result<S3Credentials> read_s3_credentials(const std::filesystem::path& folder) {
  S3Credentials credentials;
  WAN_TRY(credentials.access_key_id, secret(folder, "AWS_ACCESS_KEY_ID"));
  WAN_TRY(credentials.secret_access_key, secret(folder, "AWS_SECRET_ACCESS_KEY"));
  WAN_TRY(credentials.session_token, secret(folder, "AWS_SESSION_TOKEN"));
  if (credentials.access_key_id.empty()) return fail(missing(folder, "AWS_ACCESS_KEY_ID"));
  if (credentials.secret_access_key.empty()) return fail(missing(folder, "AWS_SECRET_ACCESS_KEY"));
  return credentials;
}

S3Client::S3Client(asio::any_io_executor executor, S3Settings settings, std::filesystem::path credentials,
                   asio::thread_pool& files, const Clock& clock)
    : settings_(std::move(settings)),
      place_{endpoint_text(settings_.endpoint), settings_.bucket, settings_.region},
      credentials_folder_(std::move(credentials)),
      files_(files),
      clock_(clock) {
  net::Url origin = settings_.endpoint;
  if (!settings_.path_style) origin.host = settings_.bucket + "." + origin.host;
  prefix_ = settings_.path_style ? "/" + settings_.bucket + "/" : "/";
  host_ = host_header(origin);
  net::TlsClientSettings tls;
  tls.ca_pem = settings_.ca_pem;
  net::ClientSettings limits;
  limits.max_response_bytes = kMaxErrorBytes;
  client_ = std::make_unique<net::Client>(std::move(executor), std::move(origin), std::move(tls), limits);
}

Task<Result<S3Credentials>> S3Client::credentials() {
  if (known_ && clock_.steady() - known_since_ < kCredentialsAge) co_return *known_;
  const auto read = [this] { return read_s3_credentials(credentials_folder_); };
  WAN_CO_TRY(known_, co_await run_blocking(files_, read));
  known_since_ = clock_.steady();
  co_return *known_;
}

Task<Result<net::Request>> S3Client::signed_request(const Call& call) {
  WAN_CO_TRY(const S3Credentials credentials, co_await this->credentials());
  net::Request request{call.method, prefix_ + call.key, call.headers, call.body};
  const SigningScope scope{settings_.region, "s3", clock_.wall()};
  sign_for_s3(request, host_, call.sha256.empty() ? kEmptySha256 : call.sha256, credentials, scope);
  co_return request;
}

Task<Result<net::Response>> S3Client::exchange_once(const Call& call) {
  WAN_CO_TRY(net::Request request, co_await signed_request(call));
  Result<net::Response> response = net::Response{};
  if (call.file.empty()) {
    response = co_await client_->send(std::move(request), kTimeout);
  } else {
    response = co_await client_->send_file(std::move(request), call.file, kTimeout);
  }
  // The next request reads a Secret that was put right.
  if (response && response->status == 403) known_.reset();
  co_return response;
}

Task<Result<net::Response>> S3Client::exchange(const Call& call) {
  std::chrono::milliseconds pause = kFirstPause;
  for (int attempt = 1;; ++attempt) {
    Result<net::Response> response = co_await exchange_once(call);
    if (attempt == kAttempts || !is_passing(response)) {
      if (response) co_return response;
      co_return fail(response.error().with_context(where()));
    }
    WAN_CO_TRY_VOID(co_await sleep_for(pause));
    pause *= 4;
  }
}

std::string S3Client::where() const { return "bucket " + place_.bucket + " at " + place_.endpoint; }

Error S3Client::refused(const Call& call, unsigned status, std::string_view body) const {
  return s3_error(place_, call.method + " " + call.key, status, s3_error_code(body));
}

Task<Result<S3Object>> S3Client::head(std::string key) {
  const Call call{.method = "HEAD", .key = std::move(key)};
  WAN_CO_TRY(const net::Response response, co_await exchange(call));
  if (response.status != 200) co_return fail(refused(call, response.status, ""));
  S3Object object;
  const std::string length(response.headers.get("Content-Length").value_or("0"));
  object.bytes = std::strtoull(length.c_str(), nullptr, 10);
  object.etag = response.headers.get("ETag").value_or("");
  const std::string noted = "sha256:" + std::string(response.headers.get("x-amz-meta-sha256").value_or(""));
  if (is_sha256_digest(noted)) object.sha256 = noted;
  co_return object;
}

Task<Status> S3Client::check_readable(std::string absent_key) {
  const Call call{.method = "GET", .key = std::move(absent_key)};
  WAN_CO_TRY(const net::Response response, co_await exchange(call));
  // A key that may not list the bucket is not told what is absent.
  if (response.status == 200 || s3_error_code(response.body) == "AccessDenied") co_return Status{};
  Error error = refused(call, response.status, response.body);
  if (error.code == ErrorCode::kNotFound) co_return Status{};
  co_return fail(std::move(error));
}

Task<Result<S3Client::Stream>> S3Client::open(const Call& call) {
  WAN_CO_TRY(net::Request request, co_await signed_request(call));
  auto stream = co_await client_->open(std::move(request), kTimeout);
  if (stream) co_return stream;
  co_return fail(stream.error().with_context(where()));
}

Task<Result<S3Client::Stream>> S3Client::get(std::string key, net::Headers headers) {
  const Call call{.method = "GET", .key = std::move(key), .headers = std::move(headers)};
  WAN_CO_TRY(Stream stream, co_await open(call));
  const unsigned status = stream->head().status;
  if (status == 200 || status == 206 || status == 416) co_return stream;
  std::string body;
  while (body.size() < kMaxErrorBytes) {
    const Result<bool> more = co_await stream->read_some(body, kTimeout);
    if (!more || !*more) break;
  }
  co_return fail(refused(call, status, body));
}

Task<Result<net::Response>> S3Client::get_small(std::string key, size_t max_bytes) {
  const Call call{.method = "GET", .key = std::move(key)};
  WAN_CO_TRY(net::Response response, co_await exchange(call));
  if (response.status != 200) co_return fail(refused(call, response.status, response.body));
  if (response.body.size() <= max_bytes) co_return response;
  co_return fail(
      Error{ErrorCode::kResourceExhausted, call.key + " is larger than " + std::to_string(max_bytes)});
}

Task<Result<bool>> S3Client::put(S3Put put) {
  const Call call{.method = "PUT",
                  .key = std::move(put.key),
                  .headers = std::move(put.headers),
                  .body = std::move(put.body),
                  .file = std::move(put.file),
                  .sha256 = std::move(put.sha256)};
  WAN_CO_TRY(const net::Response response, co_await exchange(call));
  if (response.status == 200 || response.status == 201) co_return true;
  if (is_precondition(response.status, response.body)) co_return false;
  Error error = refused(call, response.status, response.body);
  // What a write does not find is not the object.
  if (error.code == ErrorCode::kNotFound) error.code = ErrorCode::kFailedPrecondition;
  co_return fail(std::move(error));
}

Task<Status> S3Client::remove(std::string key) {
  const Call call{.method = "DELETE", .key = std::move(key)};
  WAN_CO_TRY(const net::Response response, co_await exchange(call));
  if (response.status / 100 == 2 || response.status == 404) co_return Status{};
  co_return fail(refused(call, response.status, response.body));
}

}  // namespace wan::gallery
