#include "operator/kube/client.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/net/line_decoder.h"
#include "operator/kube/api_error.h"
#include "operator/kube/apply_body.h"

namespace wan::kube {
namespace {

constexpr int kMaxRetries = 10;
constexpr std::chrono::seconds kWatchMargin{5};
constexpr size_t kMaxErrorBody = 64u << 10;

std::string describe(std::string_view verb, const Resource& resource, std::string_view namespace_,
                     std::string_view name) {
  std::string text = std::string(verb) + " " + qualified_name(resource);
  if (!namespace_.empty() || !name.empty()) text += " ";
  if (!namespace_.empty()) text += std::string(namespace_) + (name.empty() ? "" : "/");
  return text + std::string(name);
}

std::string describe(std::string_view verb, const Resource& resource, const Json& object) {
  return describe(verb, resource, string_or(object, {"metadata", "namespace"}, ""),
                  string_or(object, {"metadata", "name"}, ""));
}

std::string path_of(const Resource& resource, const Json& object, std::string_view subresource = "") {
  return object_path(resource, string_or(object, {"metadata", "namespace"}, ""),
                     string_or(object, {"metadata", "name"}, ""), subresource);
}

net::Request json_request(std::string method, std::string target, std::string content_type,
                          std::string body) {
  net::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.set("Content-Type", std::move(content_type));
  request.body = std::move(body);
  return request;
}

void add_parameter(std::string& target, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  target += (target.find('?') == std::string::npos ? "?" : "&") + std::string(name) + "=";
  target += net::percent_encode(value);
}

ListPage to_page(Json list) {
  ListPage page;
  page.resource_version = string_or(list, {"metadata", "resourceVersion"}, "");
  page.continue_token = string_or(list, {"metadata", "continue"}, "");
  if (const Json* items = find(list, {"items"}); items != nullptr && items->is_array()) {
    page.items.reserve(items->size());
    for (Json& item : list["items"]) page.items.push_back(std::move(item));
  }
  return page;
}

std::chrono::milliseconds life_of(const WatchOptions& options) { return options.timeout + kWatchMargin; }

class HttpWatchStream final : public WatchStream {
 public:
  HttpWatchStream(std::unique_ptr<net::ResponseStream> stream, const WatchOptions& options,
                  const Clock& clock)
      : stream_(std::move(stream)),
        clock_(clock),
        bookmark_silence_(options.bookmark_silence),
        silence_(options.initial_events ? options.initial_silence : life_of(options)),
        ends_(clock.steady() + life_of(options)),
        managed_fields_(options.managed_fields) {}

  Task<Result<std::vector<WatchEvent>>> read() override {
    std::vector<WatchEvent> events;
    while (events.empty()) {
      std::string bytes;
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(ends_ - clock_.steady());
      if (left.count() <= 0) co_return fail(Error{ErrorCode::kDeadlineExceeded, "the watch did not end"});
      auto more = co_await stream_->read_some(bytes, std::min(silence_, left));
      if (!more) co_return fail(more.error());
      if (!*more) co_return events;
      auto lines = decoder_.feed(bytes);
      if (!lines) co_return fail(corrupt(lines.error().message));
      for (const std::string& line : *lines) {
        WAN_CO_TRY(WatchEvent event, parse_watch_event(line, managed_fields_));
        if (event.type == WatchEventType::kBookmark) silence_ = bookmark_silence_;
        events.push_back(std::move(event));
      }
    }
    co_return events;
  }

 private:
  std::unique_ptr<net::ResponseStream> stream_;
  const Clock& clock_;
  std::chrono::milliseconds bookmark_silence_;
  std::chrono::milliseconds silence_;
  SteadyTime ends_;
  bool managed_fields_;
  net::LineDecoder decoder_{64u << 20};
};

std::string watch_target(const Resource& resource, const WatchOptions& options) {
  std::string target = collection_path(resource, options.namespace_) + "?watch=true&allowWatchBookmarks=true";
  add_parameter(target, "labelSelector", options.label_selector);
  if (options.initial_events) {
    target += "&sendInitialEvents=true&resourceVersionMatch=NotOlderThan";
  } else {
    add_parameter(target, "resourceVersion", options.resource_version);
  }
  add_parameter(target, "timeoutSeconds", std::to_string(options.timeout.count()));
  return target;
}

Task<std::string> read_error_body(net::ResponseStream& stream) {
  std::string body;
  while (body.size() < kMaxErrorBody) {
    auto more = co_await stream.read_some(body, std::chrono::milliseconds(5'000));
    if (!more || !*more) break;
  }
  co_return body;
}

net::ClientSettings http_settings(const Config& config, const ClientSettings& settings) {
  net::ClientSettings http;
  http.proxy = config.proxy;
  http.max_response_bytes = settings.max_object_bytes;
  http.max_idle_connections = settings.max_idle_connections;
  return http;
}

}  // namespace

Client::Client(asio::any_io_executor executor, const Config& config, const Clock& clock,
               ClientSettings settings)
    : http_(executor, config.server, config.tls, http_settings(config, settings)),
      tokens_(config.token, config.token_file, clock),
      tls_(config.tls, config.tls_files, clock),
      clock_(clock),
      settings_(settings) {
  if (config.exec) exec_.emplace(std::move(executor), *config.exec, clock);
  if (settings.metrics != nullptr) metrics_.emplace(*settings.metrics, net::authority(config.server));
}

Task<Result<std::string>> Client::bearer_token() {
  if (!exec_) co_return tokens_.token();
  WAN_CO_TRY(Credential credential, co_await exec_->get());
  tls_.set_client(std::move(credential.client_certificate_pem), std::move(credential.client_key_pem));
  co_return std::move(credential.token);
}

bool Client::renew_credentials() {
  if (!exec_) return tokens_.invalidate();
  exec_->invalidate();
  return true;
}

// A handshake that failed: perhaps the CA or our certificate is another one by now.
void Client::note_failure(const Error& error) {
  if (error.code == ErrorCode::kCorrupt || error.code == ErrorCode::kInvalidArgument) tls_.invalidate();
}

Task<Result<net::Request>> Client::authorize(net::Request request) {
  WAN_CO_TRY(const std::string token, co_await bearer_token());
  if (auto tls = tls_.changed()) http_.set_tls(*std::move(tls));
  if (!token.empty()) request.headers.set("Authorization", "Bearer " + token);
  request.headers.set("Accept", "application/json");
  request.headers.set("User-Agent", "wan-operator/" WAN_VERSION);
  co_return request;
}

Task<Result<net::Response>> Client::send_once(net::Request request, std::chrono::milliseconds limit) {
  const std::string method = request.method;
  const SteadyTime begun = clock_.steady();
  auto response = co_await http_.send(std::move(request), limit);
  if (metrics_) metrics_->answered(method, response ? response->status : 0, clock_.steady() - begun);
  if (!response) note_failure(response.error());
  co_return response;
}

Task<Result<net::Response>> Client::send_with_retries(net::Request request) {
  const SteadyTime deadline = clock_.steady() + settings_.request_timeout;
  bool token_renewed = false;
  for (int attempt = 0;; ++attempt) {
    WAN_CO_TRY(net::Request authorized, co_await authorize(request));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock_.steady());
    WAN_CO_TRY(net::Response response, co_await send_once(std::move(authorized), left));
    if (response.status == 401 && !token_renewed && renew_credentials()) {
      token_renewed = true;
      if (metrics_) metrics_->retried(request.method, response.status);
      continue;
    }
    const auto wait = retry_delay(response);
    if (!wait || attempt >= kMaxRetries || clock_.steady() + *wait >= deadline) co_return response;
    if (metrics_) metrics_->retried(request.method, response.status);
    log::debug("the API server answers {} (flow schema {}); again in {} s", response.status,
               response.headers.get("X-Kubernetes-PF-FlowSchema-UID").value_or("unknown"), wait->count());
    WAN_CO_TRY_VOID(co_await sleep_for(*wait));
  }
}

Task<Result<Json>> Client::exchange(net::Request request, std::string what, bool managed_fields) {
  auto response = co_await send_with_retries(std::move(request));
  if (!response) co_return fail(response.error().with_context(what));
  if (response->status < 200 || response->status >= 300) co_return fail(response_error(*response, what));
  JsonLimits limits;
  limits.max_bytes = settings_.max_object_bytes;
  limits.max_depth = 256;
  if (!managed_fields) limits.without = "managedFields";
  auto body = parse_json(response->body, limits);
  if (!body) co_return fail(corrupt(what + ": the answer is not JSON: " + body.error().message));
  co_return body;
}

Task<Result<Json>> Client::get(Resource resource, std::string namespace_, std::string name) {
  net::Request request;
  request.target = object_path(resource, namespace_, name);
  std::string what = describe("get", resource, namespace_, name);
  co_return co_await exchange(std::move(request), std::move(what), true);
}

Task<Result<ListPage>> Client::list(Resource resource, ListOptions options) {
  net::Request request;
  request.target = collection_path(resource, options.namespace_);
  add_parameter(request.target, "labelSelector", options.label_selector);
  add_parameter(request.target, "fieldSelector", options.field_selector);
  add_parameter(request.target, "limit", std::to_string(options.limit));
  add_parameter(request.target, "continue", options.continue_token);
  std::string what = describe("list", resource, options.namespace_, "");
  WAN_CO_TRY(Json body, co_await exchange(std::move(request), what, options.managed_fields));
  const std::string kind = string_or(body, {"kind"}, "");
  if (kind != std::string(resource.kind) + "List") {
    co_return fail(corrupt(what + ": the answer is of kind \"" + kind.substr(0, 40) + "\""));
  }
  co_return to_page(std::move(body));
}

Task<Result<std::unique_ptr<WatchStream>>> Client::watch(Resource resource, WatchOptions options) {
  net::Request request;
  request.target = watch_target(resource, options);
  const std::string what = describe("watch", resource, options.namespace_, "");
  const auto head_limit = options.initial_events ? options.initial_silence : life_of(options);
  for (bool first = true;; first = false) {
    WAN_CO_TRY(net::Request authorized, co_await authorize(request));
    // The headers come with the first event where a proxy buffers them: they may take as long.
    auto stream = co_await http_.open(std::move(authorized), head_limit);
    if (metrics_) metrics_->opened(request.method, stream ? (*stream)->head().status : 0);
    if (!stream) {
      note_failure(stream.error());
      co_return fail(stream.error().with_context(what));
    }
    net::Response head = (*stream)->head();
    if (head.status == 200) {
      co_return std::make_unique<HttpWatchStream>(std::move(*stream), options, clock_);
    }
    if (head.status == 401 && first && renew_credentials()) continue;
    head.body = co_await read_error_body(**stream);
    co_return fail(response_error(head, what));
  }
}

Task<Result<Json>> Client::create(Resource resource, Json object) {
  std::string what = describe("create", resource, object);
  std::string path = collection_path(resource, string_or(object, {"metadata", "namespace"}, ""));
  net::Request request = json_request("POST", std::move(path), "application/json", object.dump());
  co_return co_await exchange(std::move(request), std::move(what), false);
}

Task<Result<Json>> Client::update(Resource resource, Json object) {
  std::string what = describe("update", resource, object);
  net::Request request = json_request("PUT", path_of(resource, object), "application/json", object.dump());
  co_return co_await exchange(std::move(request), std::move(what), false);
}

Task<Result<Json>> Client::apply(Resource resource, Json object, std::string field_manager,
                                 std::string subresource) {
  std::string what =
      describe(subresource.empty() ? "apply" : "apply " + subresource + " of", resource, object);
  std::string target = path_of(resource, object, subresource) + "?force=true";
  add_parameter(target, "fieldManager", field_manager);
  WAN_CO_TRY(std::string body, apply_body(object));
  net::Request request =
      json_request("PATCH", std::move(target), "application/apply-patch+yaml", std::move(body));
  co_return co_await exchange(std::move(request), std::move(what), false);
}

Task<Result<Json>> Client::merge_patch(Resource resource, std::string namespace_, std::string name,
                                       Json patch) {
  std::string what = describe("patch", resource, namespace_, name);
  net::Request request = json_request("PATCH", object_path(resource, namespace_, name),
                                      "application/merge-patch+json", patch.dump());
  co_return co_await exchange(std::move(request), std::move(what), false);
}

Task<Status> Client::remove(Resource resource, std::string namespace_, std::string name,
                            DeleteOptions options) {
  WAN_CHECK(!options.uid.empty());
  Json body = Json::object();
  body["apiVersion"] = "v1";
  body["kind"] = "DeleteOptions";
  body["propagationPolicy"] = options.propagation;
  body["preconditions"]["uid"] = options.uid;
  std::string what = describe("delete", resource, namespace_, name);
  net::Request request =
      json_request("DELETE", object_path(resource, namespace_, name), "application/json", body.dump());
  WAN_CO_TRY_VOID(co_await exchange(std::move(request), std::move(what), false));
  co_return Status();
}

}  // namespace wan::kube
