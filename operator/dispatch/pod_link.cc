#include "operator/dispatch/pod_link.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "base/net/line_decoder.h"

namespace wan::dispatch {
namespace {

// A pod's answers are small; what is longer is not one of ours.
constexpr size_t kMaxLine = 1u << 20;
constexpr std::chrono::seconds kWeightsInterval{1};

net::ClientSettings http_settings() {
  net::ClientSettings settings;
  settings.connect_timeout = std::chrono::milliseconds(5'000);
  settings.max_idle_connections = 2;
  settings.max_response_bytes = 8u << 20;
  return settings;
}

std::string reason_of(const net::Response& response) {
  auto body = parse_json(response.body);
  if (!body) return "HTTP " + std::to_string(response.status);
  return string_or(*body, {"error", "reason"}, "HTTP " + std::to_string(response.status));
}

std::string message_of(const net::Response& response) {
  auto body = parse_json(response.body);
  return body ? string_or(*body, {"error", "message"}, "") : "";
}

Error refusal(const net::Response& response, const std::string& what) {
  ErrorCode code = ErrorCode::kInternal;
  if (response.status == 401 || response.status == 403) code = ErrorCode::kPermissionDenied;
  if (response.status == 404) code = ErrorCode::kNotFound;
  if (response.status == 409) code = ErrorCode::kConflict;
  if (response.status == 429 || response.status == 503) code = ErrorCode::kUnavailable;
  return Error{code, what + ": the runtime answers " + reason_of(response) + ": " + message_of(response)};
}

// What an answer says of the job counts at once; without it the stream brings it.
Result<api::JobState> state_in(const net::Response& response) {
  WAN_TRY(const Json body, parse_json(response.body));
  return api::job_state_from_json(body);
}

}  // namespace

Change difference(const api::RuntimeView& before, const api::RuntimeView& after) {
  Change change;
  change.runtime = before.reachable != after.reachable || before.phase != after.phase ||
                   before.message != after.message || before.model_digest != after.model_digest ||
                   before.model_name != after.model_name || before.numerics_id != after.numerics_id ||
                   before.weights != after.weights;
  for (const api::JobState& job : after.jobs) {
    const api::JobState* old = before.job(job.uid);
    if (old == nullptr || old->phase != job.phase || old->attempt != job.attempt) {
      change.jobs.insert(job.uid);
    } else if (!(*old == job)) {
      change.progress.insert(job.uid);
    }
  }
  for (const api::JobState& job : before.jobs) {
    if (after.job(job.uid) == nullptr) change.jobs.insert(job.uid);
  }
  return change;
}

PodLink::PodLink(asio::any_io_executor executor, net::Url url, std::string pod_uid,
                 const CapabilityIssuer& issuer, LinkSettings settings,
                 std::function<void(const Change&)> changed)
    : http_(std::move(executor), std::move(url), net::TlsClientSettings(), http_settings()),
      pod_uid_(std::move(pod_uid)),
      issuer_(issuer),
      settings_(settings),
      changed_(std::move(changed)) {
  view_.pod_uid = pod_uid_;
}

Task<void> PodLink::run() {
  auto retry = settings_.first_retry;
  for (;;) {
    bool connected = false;
    const Status ended = co_await follow(connected);
    set_reachable(false);
    if (!ended && ended.error().code == ErrorCode::kCancelled) co_return;
    if (connected) {
      log::info("pod {}: the progress stream ended{}", pod_uid_,
                ended ? std::string() : ": " + ended.error().message);
      retry = settings_.first_retry;
    } else if (!ended) {
      log::debug("pod {}: {}", pod_uid_, ended.error().message);
    }
    const Status waited = co_await sleep_for(retry);
    if (!waited) co_return;
    retry = std::min(retry * 2, settings_.last_retry);
  }
}

// Its init container answers for its own time only; the pod's runtime gets another link.
Task<void> PodLink::watch_weights() {
  for (;;) {
    const Status asked = co_await ask_for_weights();
    if (!asked && asked.error().code == ErrorCode::kCancelled) co_return;
    const Status waited = co_await sleep_for(kWeightsInterval);
    if (!waited) co_return;
  }
}

Task<Status> PodLink::ask_for_weights() {
  WAN_CO_TRY(net::Request asking, request("GET", "/v1/status", issuer_.for_pod(pod_uid_)));
  WAN_CO_TRY(const net::Response response, co_await http_.send(std::move(asking), settings_.request_timeout));
  if (response.status != 200) co_return fail(refusal(response, "GET /v1/status"));
  WAN_CO_TRY(const Json status, parse_json(response.body));
  const api::RuntimeView before = view_;
  WAN_CO_TRY_VOID(api::apply_status(view_, status));
  tell(before);
  co_return Status();
}

// The stream first, then the list: whatever happens after the list was made is in the stream.
Task<Status> PodLink::follow(bool& connected) {
  WAN_CO_TRY(net::Request opening, request("GET", "/v1/events", issuer_.for_pod(pod_uid_)));
  WAN_CO_TRY(auto stream, co_await http_.open(std::move(opening), settings_.request_timeout));
  if (stream->head().status != 200) co_return fail(refusal(stream->head(), "GET /v1/events"));
  net::LineDecoder decoder(kMaxLine);
  for (;;) {
    std::string bytes;
    WAN_CO_TRY(const bool more, co_await stream->read_some(bytes, settings_.idle_limit));
    if (!more) co_return Status();
    WAN_CO_TRY(const std::vector<std::string> lines, decoder.feed(bytes));
    if (!connected && !lines.empty()) {
      WAN_CO_TRY_VOID(co_await load_jobs());
    }
    for (const std::string& line : lines) WAN_CO_TRY_VOID(on_line(line));
    if (!connected && !lines.empty()) {
      connected = true;
      set_reachable(true);
      log::info("pod {}: following ({})", pod_uid_, view_.phase);
    }
  }
}

Task<Status> PodLink::load_jobs() {
  WAN_CO_TRY(net::Request listing, request("GET", "/v1/jobs", issuer_.for_pod(pod_uid_)));
  WAN_CO_TRY(const net::Response response,
             co_await http_.send(std::move(listing), settings_.request_timeout));
  if (response.status != 200) co_return fail(refusal(response, "GET /v1/jobs"));
  WAN_CO_TRY(const Json body, parse_json(response.body));
  if (const std::string answered = string_or(body, {"podUID"}, ""); answered != pod_uid_) {
    co_return fail(failed_precondition("GET /v1/jobs: pod " + answered + " answers at this address"));
  }
  const api::RuntimeView before = view_;
  ++connection_;
  view_.jobs.clear();
  if (const Json* items = find(body, {"items"}); items != nullptr && items->is_array()) {
    for (const Json& item : *items) {
      WAN_CO_TRY(api::JobState state, api::job_state_from_json(item));
      api::apply_job(view_, std::move(state));
    }
  }
  tell(before);
  co_return Status();
}

Status PodLink::on_line(const std::string& line) {
  WAN_TRY(const Json event, parse_json(line));
  if (const Json* job = find(event, {"job"}); job != nullptr && string_or(event, {"type"}, "") == "JOB") {
    WAN_TRY(api::JobState state, api::job_state_from_json(*job));
    take(std::move(state));
    return {};
  }
  const api::RuntimeView before = view_;
  WAN_TRY(const bool changed, api::apply_event(view_, event));
  if (changed) tell(before);
  return {};
}

Result<net::Request> PodLink::request(std::string method, std::string target, Result<std::string> token) {
  if (!token) return fail(token.error());
  net::Request request;
  request.method = std::move(method);
  request.target = std::move(target);
  request.headers.set("Authorization", "Bearer " + *token);
  request.headers.set("Accept", "application/json");
  return request;
}

Task<Result<net::Response>> PodLink::send_job(std::string method, std::string job_uid, int attempt,
                                              std::string body, std::string below) {
  std::string target = "/v1/jobs/" + net::percent_encode(job_uid) + below;
  WAN_CO_TRY(net::Request sending,
             request(std::move(method), std::move(target), issuer_.for_job(pod_uid_, job_uid, attempt)));
  if (!body.empty()) {
    sending.headers.set("Content-Type", "application/json");
    sending.body = std::move(body);
  }
  co_return co_await http_.send(std::move(sending), settings_.request_timeout);
}

Task<Status> PodLink::put_job(std::string job_uid, int attempt, Json body) {
  std::string text = body.dump();
  const uint64_t connection = connection_;
  WAN_CO_TRY(const net::Response response, co_await send_job("PUT", job_uid, attempt, std::move(text)));
  if (response.status == 200 || response.status == 201) {
    if (auto state = state_in(response)) accept_answer(*std::move(state), connection);
    co_return Status();
  }
  if (response.status != 422) co_return fail(refusal(response, "PUT /v1/jobs/" + job_uid));
  api::JobState refused;
  refused.uid = job_uid;
  refused.attempt = attempt;
  refused.phase = "Failed";
  refused.error = api::JobError{reason_of(response), message_of(response), false};
  accept_answer(std::move(refused), connection);
  co_return Status();
}

Task<Result<JobResolution>> PodLink::resolve_job(std::string job_uid, int attempt, Json body) {
  std::string text = body.dump();
  WAN_CO_TRY(const net::Response response,
             co_await send_job("POST", job_uid, attempt, std::move(text), "/resolution"));
  JobResolution resolution;
  if (response.status == 422 || response.status == 404 || response.status == 405) co_return resolution;
  if (response.status != 200) co_return fail(refusal(response, "POST /v1/jobs/" + job_uid + "/resolution"));
  WAN_CO_TRY(const Json answer, parse_json(response.body));
  resolution.job_hash = string_or(answer, {"jobHash"}, "");
  if (const Json* resolved = find(answer, {"resolved"})) resolution.resolved = *resolved;
  co_return resolution;
}

Task<Status> PodLink::cancel_job(std::string job_uid, int attempt) {
  const uint64_t connection = connection_;
  WAN_CO_TRY(const net::Response response, co_await send_job("DELETE", job_uid, attempt, ""));
  if (response.status == 404) co_return Status();
  if (response.status != 200) co_return fail(refusal(response, "DELETE /v1/jobs/" + job_uid));
  if (auto state = state_in(response)) accept_answer(*std::move(state), connection);
  co_return Status();
}

void PodLink::accept_answer(api::JobState state, uint64_t connection) {
  if (connection == connection_) return take(std::move(state));
  // Whoever asked looks again at what the pod knows now.
  Change change;
  change.jobs.insert(state.uid);
  changed_(change);
}

// Looks at this one job alone: a view may hold many.
void PodLink::take(api::JobState state) {
  Change change;
  const std::string uid = state.uid;
  const api::JobState* known = view_.job(uid);
  if (known == nullptr || known->phase != state.phase || known->attempt != state.attempt) {
    change.jobs.insert(uid);
  } else if (!(*known == state)) {
    change.progress.insert(uid);
  }
  if (known != nullptr && known->attempt > state.attempt) return;
  api::apply_job(view_, std::move(state));
  if (!change.empty()) changed_(change);
}

void PodLink::forget_job(const std::string& job_uid) {
  std::erase_if(view_.jobs,
                [&](const api::JobState& state) { return state.uid == job_uid && state.finished(); });
}

void PodLink::set_reachable(bool reachable) {
  const api::RuntimeView before = view_;
  view_.reachable = reachable;
  tell(before);
}

void PodLink::tell(const api::RuntimeView& before) {
  const Change change = difference(before, view_);
  if (!change.empty()) changed_(change);
}

}  // namespace wan::dispatch
