#include "operator/dispatch/dispatcher.h"

#include <utility>

#include "operator/api/identifiers.h"

namespace wan::dispatch {
namespace {

constexpr const char* kRuntimeContainer = "runtime";
constexpr const char* kPullContainer = "pull";
// A video is read and hashed meanwhile.
constexpr std::chrono::seconds kCopyTimeout{60};
// An artifact server answers before it has a file from elsewhere, and then goes on.
constexpr std::chrono::seconds kTakeInTimeout{20};
constexpr std::chrono::seconds kFetchTime{120};

net::Url pod_url(const api::Pod& pod, uint16_t port) {
  net::Url url;
  url.scheme = "http";
  url.host = pod.ip;
  url.port = port;
  url.target = "/";
  return url;
}

PodRef ref_of(const api::Pod& pod) {
  PodRef ref;
  ref.namespace_ = pod.metadata.namespace_;
  ref.name = pod.metadata.name;
  ref.uid = pod.metadata.uid;
  ref.owner_uid = pod.metadata.label(api::kLabelOwnerUid);
  return ref;
}

net::Request artifact_request(std::string method, const net::Url& artifact, const std::string& token) {
  net::Request request;
  request.method = std::move(method);
  request.target = artifact.target;
  request.headers.set("Authorization", "Bearer " + token);
  return request;
}

template <class Entry>
Task<void> join_entry(std::shared_ptr<Entry> entry) {
  co_await entry->tasks.join();
}

bool runs(const api::Pod& pod, const char* container) {
  const bool labelled =
      !pod.metadata.label(api::kLabelDeployment).empty() || !pod.metadata.label(api::kLabelVideoJob).empty();
  const api::ContainerState* state = pod.container(container);
  return labelled && !pod.ip.empty() && state != nullptr && state->running;
}

}  // namespace

bool can_be_asked(const api::Pod& pod) { return runs(pod, kRuntimeContainer); }

bool fetches_weights(const api::Pod& pod) { return runs(pod, kPullContainer); }

Dispatcher::Entry::Entry(asio::any_io_executor executor, PodRef pod, net::Url url,
                         const CapabilityIssuer& issuer, const LinkSettings& settings,
                         const Listener& listener)
    : ref(std::move(pod)),
      ip(url.host),
      link(executor, url, ref.uid, issuer, settings,
           [this, &listener](const Change& change) { listener(ref, change); }),
      tasks(executor) {}

Dispatcher::Dispatcher(asio::any_io_executor executor, const CapabilityIssuer& issuer,
                       DispatcherSettings settings, Listener listener)
    : executor_(std::move(executor)),
      issuer_(issuer),
      settings_(settings),
      listener_(std::move(listener)),
      endings_(executor_) {}

void Dispatcher::pod_changed(const api::Pod* before, const api::Pod* after) {
  if (after != nullptr && (can_be_asked(*after) || fetches_weights(*after))) {
    const auto it = entries_.find(after->metadata.uid);
    const bool same = it != entries_.end() && it->second->ip == after->ip;
    if (same && it->second->fetches == !can_be_asked(*after)) return;
    disconnect(after->metadata.uid);
    connect(*after);
    return;
  }
  const api::Pod* gone = after != nullptr ? after : before;
  if (gone != nullptr) disconnect(gone->metadata.uid);
}

void Dispatcher::connect(const api::Pod& pod) {
  if (!active_) return;
  auto entry = std::make_shared<Entry>(executor_, ref_of(pod), pod_url(pod, settings_.port), issuer_,
                                       settings_.link, listener_);
  entry->fetches = !can_be_asked(pod);
  entry->tasks.spawn("pod " + pod.metadata.name,
                     entry->fetches ? entry->link.watch_weights() : entry->link.run());
  entries_.emplace(pod.metadata.uid, std::move(entry));
}

void Dispatcher::disconnect(const std::string& pod_uid) {
  const auto it = entries_.find(pod_uid);
  if (it == entries_.end()) return;
  std::shared_ptr<Entry> entry = std::move(it->second);
  entries_.erase(it);
  entry->tasks.cancel();
  std::string name = "end of pod " + entry->ref.name;
  endings_.spawn(std::move(name), join_entry(std::move(entry)));
}

Task<void> Dispatcher::stop() {
  active_ = false;
  while (!entries_.empty()) {
    const std::string uid = entries_.begin()->first;
    disconnect(uid);
  }
  co_await endings_.join();
}

const api::RuntimeView* Dispatcher::view(const std::string& pod_uid) const {
  const auto it = entries_.find(pod_uid);
  return it == entries_.end() ? nullptr : &it->second->link.view();
}

void Dispatcher::forget_job(const std::string& pod_uid, const std::string& job_uid) {
  if (const auto it = entries_.find(pod_uid); it != entries_.end()) it->second->link.forget_job(job_uid);
}

Task<Status> Dispatcher::delete_artifact(std::string url, std::string audience, std::string path,
                                         std::string sha256, std::string job_uid) {
  WAN_CO_TRY(net::Url server, net::parse_url(url));
  WAN_CO_TRY(const std::string token, issuer_.for_removal(audience, path, job_uid));
  net::Request request = artifact_request("DELETE", server, token);
  request.headers.set("If-Match", "\"" + sha256 + "\"");
  net::Client client(executor_, std::move(server));
  WAN_CO_TRY(const net::Response answer,
             co_await client.send(std::move(request), settings_.link.request_timeout));
  if (answer.status == 204 || answer.status == 404 || answer.status == 412) co_return Status();
  co_return fail(unavailable("DELETE of artifact " + path + " at " + audience +
                             ": the artifact server answers " + std::to_string(answer.status)));
}

Task<Status> Dispatcher::copy_artifact(std::string url, std::string audience, std::string path,
                                       std::string sha256, std::string job_uid) {
  WAN_CO_TRY(net::Url server, net::parse_url(url));
  WAN_CO_TRY(const std::string token, issuer_.for_upload(audience, path, job_uid, 0, kCopyTimeout));
  net::Request request = artifact_request("PUT", server, token);
  request.headers.set("X-Content-SHA256", sha256);
  request.headers.set("X-Copy-Source", "blobs/" + sha256);
  net::Client client(executor_, std::move(server));
  WAN_CO_TRY(const net::Response answer, co_await client.send(std::move(request), kCopyTimeout));
  if (answer.status == 200 || answer.status == 201) co_return Status();
  ErrorCode code = ErrorCode::kUnavailable;
  if (answer.status == 404) code = ErrorCode::kNotFound;
  if (answer.status == 409) code = ErrorCode::kAlreadyExists;
  if (answer.status == 422) code = ErrorCode::kCorrupt;
  co_return fail(Error{code, "copy of " + sha256 + " to " + path + " at " + audience +
                                 ": the artifact server answers " + std::to_string(answer.status)});
}

Task<Result<std::string>> Dispatcher::take_in(api::BlobRef blob, std::string job_uid) {
  WAN_CO_TRY(net::Url server, net::parse_url(blob.server + "/v1/blobs"));
  WAN_CO_TRY(const std::string token, issuer_.for_upload(blob.audience, "blobs", job_uid, 0, kCopyTimeout));
  Json body = Json::object();
  if (!blob.sha256.empty()) body["sha256"] = blob.sha256;
  if (!blob.url.empty()) body["from"]["url"] = blob.url;
  if (!blob.artifact_url.empty()) {
    body["from"]["artifact"] = blob.artifact_url;
    WAN_CO_TRY(body["from"]["token"],
               issuer_.for_reading(blob.artifact_audience, blob.artifact_path, job_uid, kFetchTime));
  }
  net::Request post = artifact_request("POST", server, token);
  post.headers.set("Content-Type", "application/json");
  post.body = to_text(body);
  net::Client client(executor_, std::move(server));
  WAN_CO_TRY(const net::Response answer, co_await client.send(std::move(post), kTakeInTimeout));
  const auto json = parse_json(answer.body);
  if (answer.status == 202) co_return "";
  if (answer.status == 200 && json) co_return string_or(*json, {"sha256"}, "");
  const std::string words = json ? string_or(*json, {"error", "message"}, "") : "";
  ErrorCode code = ErrorCode::kUnavailable;
  if (answer.status == 404) code = ErrorCode::kNotFound;
  if (answer.status == 422) code = ErrorCode::kInvalidArgument;
  if (answer.status == 502) code = ErrorCode::kFailedPrecondition;
  if (code != ErrorCode::kUnavailable) co_return fail(Error{code, words});
  co_return fail(unavailable("the artifact server of " + blob.audience + " answers " +
                             std::to_string(answer.status) + ": " + words));
}

Task<Result<JobResolution>> Dispatcher::resolve_job(std::string pod_uid, std::string job_uid, int attempt,
                                                    Json body) {
  const auto it = entries_.find(pod_uid);
  if (it == entries_.end()) co_return fail(unavailable("pod " + pod_uid + " cannot be talked to"));
  const std::shared_ptr<Entry> entry = it->second;
  co_return co_await entry->link.resolve_job(std::move(job_uid), attempt, std::move(body));
}

Task<Status> Dispatcher::put_job(std::string pod_uid, std::string job_uid, int attempt, Json body) {
  const auto it = entries_.find(pod_uid);
  if (it == entries_.end()) co_return fail(unavailable("pod " + pod_uid + " cannot be talked to"));
  const std::shared_ptr<Entry> entry = it->second;  // keeps the link while the pod may go
  co_return co_await entry->link.put_job(std::move(job_uid), attempt, std::move(body));
}

Task<Status> Dispatcher::cancel_job(std::string pod_uid, std::string job_uid, int attempt) {
  const auto it = entries_.find(pod_uid);
  if (it == entries_.end()) co_return fail(unavailable("pod " + pod_uid + " cannot be talked to"));
  const std::shared_ptr<Entry> entry = it->second;
  co_return co_await entry->link.cancel_job(std::move(job_uid), attempt);
}

}  // namespace wan::dispatch
