#include "runtime/service/routes.h"

#include <string>
#include <utility>

#include "base/async/blocking.h"
#include "base/crypto/sha256.h"
#include "base/net/client.h"

namespace wan::service {
namespace {

constexpr size_t kMaxImageBytes = size_t{32} << 20;
constexpr std::chrono::seconds kImageTimeout{30};

net::Response method_not_allowed(const char* allowed) {
  net::Response response = gallery::refusal(405, "MethodNotAllowed", std::string("allowed: ") + allowed);
  response.headers.set("Allow", allowed);
  return response;
}

net::Response no_such_path(const std::string& target) {
  return gallery::refusal(
      404, "NotFound",
      "no such path: " + target + "; there are /healthz /readyz /v1/status /v1/jobs /v1/events");
}

unsigned status_of(jobs::Refusal refusal) {
  switch (refusal) {
    case jobs::Refusal::kInvalid: return 422;
    case jobs::Refusal::kQueueFull: return 503;
    default: return 409;
  }
}

net::Response to_response(const jobs::Refused& refused) {
  return gallery::refusal(status_of(refused.refusal), jobs::to_string(refused.refusal), refused.message);
}

net::Response json_answer(unsigned status, const Json& json) {
  return net::json_response(status, to_text(json));
}

// The capability binds what the body claims.
bool is_bound(const Capability& capability, const jobs::JobRequest& request) {
  return capability.attempt == request.attempt && capability.epoch == request.epoch;
}

}  // namespace

Routes::Routes(const gallery::Authority& authority, const Clock& clock, JobRunner& runner, EventHub& events,
               ImageDecoder decode_image)
    : authority_(authority),
      clock_(clock),
      runner_(runner),
      events_(events),
      decode_image_(std::move(decode_image)) {}

std::expected<std::optional<Capability>, net::Response> Routes::check(
    const net::IncomingRequest& request, const std::optional<std::string>& uid) const {
  const gallery::Need need{uid ? "job" : "pod", uid, std::nullopt};
  return gallery::authorize(authority_, request.head().headers, need, clock_.wall());
}

Task<void> Routes::handle(net::IncomingRequest& request, net::ResponseWriter& writer) {
  const std::vector<std::string>& path = request.target().segments;
  const bool is_events = path.size() == 2 && path[0] == "v1" && path[1] == "events";
  if (is_events && request.head().method == "GET" && check(request, std::nullopt)) {
    co_return co_await events_.serve(writer);
  }
  net::Response response = co_await answer(request);
  const Status written = co_await writer.respond(std::move(response));
  (void)written;  // the client is gone; the job goes on
}

Task<net::Response> Routes::answer(net::IncomingRequest& request) {
  const std::vector<std::string>& path = request.target().segments;
  const std::string& method = request.head().method;
  if (path.size() == 1 && path[0] == "healthz") co_return net::json_response(200, R"({"status":"ok"})");
  if (path.size() == 1 && path[0] == "readyz") co_return readiness();
  if (path.size() == 4 && path[0] == "v1" && path[1] == "jobs" && path[3] == "resolution") {
    if (method != "POST") co_return method_not_allowed("POST");
    co_return co_await resolve(request, path[2]);
  }
  if (path.size() < 2 || path.size() > 3 || path[0] != "v1") co_return no_such_path(request.head().target);
  if (path.size() == 2) {
    if (method != "GET") co_return method_not_allowed("GET");
    co_return pod_answer(request);
  }
  if (path[1] != "jobs") co_return no_such_path(request.head().target);
  const std::string uid = path[2];
  if (method == "PUT") co_return co_await put(request, uid);
  if (method != "GET" && method != "DELETE") co_return method_not_allowed("GET, PUT, DELETE");
  auto allowed = check(request, uid);
  if (!allowed) co_return std::move(allowed).error();
  co_return method == "GET" ? get(uid) : cancel(uid, *allowed);
}

net::Response Routes::pod_answer(const net::IncomingRequest& request) const {
  auto allowed = check(request, std::nullopt);
  if (!allowed) return std::move(allowed).error();
  const std::string& leaf = request.target().segments[1];
  if (leaf == "status") return json_answer(200, to_json(runner_.status(), runner_.table().unfinished()));
  if (leaf == "jobs") return list();
  return no_such_path(request.head().target);
}

net::Response Routes::readiness() const {
  const PodStatus& status = runner_.status();
  return json_answer(status.phase == PodPhase::kReady ? 200 : 503,
                     {{"phase", to_string(status.phase)}, {"message", status.message}});
}

net::Response Routes::list() const {
  Json items = Json::array();
  for (const jobs::Entry* entry : runner_.table().in_order()) items.push_back(jobs::to_json(entry->state));
  return json_answer(200, {{"podUID", runner_.status().pod_uid}, {"items", std::move(items)}});
}

net::Response Routes::get(const std::string& uid) const {
  const jobs::Entry* entry = runner_.table().find(uid);
  if (entry == nullptr) return gallery::refusal(404, "NotFound", "this pod knows no job " + uid);
  return json_answer(200, jobs::to_json(entry->state));
}

net::Response Routes::cancel(const std::string& uid, const std::optional<Capability>& capability) {
  if (capability) {
    const auto refused = runner_.table().refuse_cancel(uid, capability->attempt, capability->epoch);
    if (refused) return to_response(*refused);
  }
  if (!runner_.cancel(uid)) return gallery::refusal(404, "NotFound", "this pod knows no job " + uid);
  return get(uid);
}

Task<std::expected<jobs::JobRequest, net::Response>> Routes::read_job(net::IncomingRequest& request,
                                                                      std::string uid) {
  const Result<std::string> body = co_await request.read_body();
  if (!body) co_return std::unexpected(net::error_response(body.error()));
  const Result<Json> json = parse_json(*body);
  if (!json) co_return std::unexpected(gallery::refusal(422, "Invalid", json.error().message));
  Result<jobs::JobRequest> job = jobs::job_request_from_json(*json);
  if (!job) co_return std::unexpected(gallery::refusal(422, "Invalid", job.error().message));
  if (job->uid != uid)
    co_return std::unexpected(gallery::refusal(422, "Invalid", "metadata.uid is not the uid of the path"));
  if (auto fetched = co_await fetch_image(*job); !fetched) {
    co_return std::unexpected(gallery::refusal(503, "NotReady", fetched.error().message));
  }
  const Status decoded = co_await decode_image(*job);
  if (decoded) co_return *std::move(job);
  const bool is_its_fault = decoded.error().code == ErrorCode::kInvalidArgument;
  co_return std::unexpected(gallery::refusal(is_its_fault ? 422 : 503, is_its_fault ? "Invalid" : "NotReady",
                                             decoded.error().message));
}

// A picture that cannot be had now may be had later: the operator looks for it, and asks again.
Task<Status> Routes::fetch_image(jobs::JobRequest& job) {
  jobs::ImageSource& source = job.image_source;
  if (source.url.empty()) co_return Status();
  WAN_CO_TRY(net::Url url, net::parse_url(source.url));
  net::ClientSettings limits;
  limits.max_response_bytes = kMaxImageBytes;
  net::Request request;
  request.target = url.target;
  if (!source.token.empty()) request.headers.set("Authorization", "Bearer " + source.token);
  const auto executor = co_await asio::this_coro::executor;
  net::Client client(executor, std::move(url), net::TlsClientSettings(), limits);
  auto response = co_await client.send(std::move(request), kImageTimeout);
  if (!response) co_return fail(response.error().with_context("image"));
  if (response->status != 200) {
    co_return fail(unavailable("image: " + source.url + " answers " + std::to_string(response->status)));
  }
  const auto hash = [&response] { return sha256_digest(response->body); };
  const std::string digest = co_await run_blocking(pictures_, hash);
  if (digest != source.sha256) {
    co_return fail(unavailable("image: " + source.url + " has the bytes of " + digest));
  }
  job.image = std::move(response->body);
  co_return Status();
}

Task<Status> Routes::decode_image(jobs::JobRequest& job) {
  if (job.image.empty()) co_return Status();
  if (!decode_image_) co_return fail(invalid_argument("image: this pod decodes none"));
  const auto work = [this, &job] { return decode_image_(job.image); };
  WAN_CO_TRY(job.spec.image, co_await run_blocking(pictures_, work));
  job.image.clear();
  co_return Status();
}

Task<net::Response> Routes::put(net::IncomingRequest& request, std::string uid) {
  auto allowed = check(request, uid);
  if (!allowed) co_return std::move(allowed).error();
  auto job = co_await read_job(request, uid);
  if (!job) co_return std::move(job).error();
  if (*allowed && !is_bound(**allowed, *job)) {
    co_return gallery::refusal(403, "Forbidden",
                               "the capability is for another attempt or epoch than the body");
  }
  co_return accept(*job);
}

// What PUT of the same body would make.
Task<net::Response> Routes::resolve(net::IncomingRequest& request, std::string uid) {
  auto allowed = check(request, uid);
  if (!allowed) co_return std::move(allowed).error();
  auto job = co_await read_job(request, uid);
  if (!job) co_return std::move(job).error();
  if (runner_.status().phase != PodPhase::kReady) {
    co_return gallery::refusal(503, "NotReady", runner_.status().message);
  }
  const auto resolution = runner_.resolve(*job);
  if (!resolution) co_return to_response(resolution.error());
  co_return json_answer(
      200, {{"resolved", pipeline::to_json(resolution->resolved)}, {"jobHash", resolution->job_hash}});
}

net::Response Routes::accept(const jobs::JobRequest& job) {
  const PodStatus& status = runner_.status();
  const jobs::Entry* known = runner_.table().find(job.uid);
  const bool is_repeat = known != nullptr && known->state.attempt == job.attempt;
  if (status.phase == PodPhase::kDraining && !is_repeat)
    return gallery::refusal(503, "Draining", status.message);
  if (status.phase != PodPhase::kReady && !is_repeat)
    return gallery::refusal(503, "NotReady", status.message);
  const auto accepted = runner_.put(job);
  if (!accepted) return to_response(accepted.error());
  return json_answer(accepted->created ? 201 : 200, jobs::to_json(accepted->state));
}

}  // namespace wan::service
