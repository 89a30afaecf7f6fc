#include "runtime/service/routes.h"

#include <string>
#include <utility>

namespace wan::service {
namespace {

net::Response refusal_response(unsigned status, std::string_view reason, const std::string& message) {
  const Json json = {{"error", {{"reason", reason}, {"message", message}}}};
  return net::json_response(status, json.dump());
}

net::Response method_not_allowed(const char* allowed) {
  net::Response response = refusal_response(405, "MethodNotAllowed", std::string("allowed: ") + allowed);
  response.headers.set("Allow", allowed);
  return response;
}

net::Response no_such_path(const std::string& target) {
  return refusal_response(
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

// The capability binds what the body claims.
Status check_binding(const Capability& capability, const jobs::JobRequest& request) {
  if (capability.attempt == request.attempt && capability.epoch == request.epoch) return {};
  return fail({ErrorCode::kPermissionDenied, "the capability is for another attempt or epoch than the body"});
}

}  // namespace

Routes::Routes(const Authorizer& authorizer, JobRunner& runner, EventHub& events)
    : authorizer_(authorizer), runner_(runner), events_(events) {}

Task<void> Routes::handle(net::IncomingRequest& request, net::ResponseWriter& writer) {
  const std::vector<std::string>& path = request.target().segments;
  const bool is_events = path.size() == 2 && path[0] == "v1" && path[1] == "events";
  if (is_events && request.head().method == "GET" && authorizer_.check_pod(request.head())) {
    co_await events_.serve(writer);
    co_return;
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
  if (path.size() < 2 || path.size() > 3 || path[0] != "v1") co_return no_such_path(request.head().target);
  if (path.size() == 2) {
    if (method != "GET") co_return method_not_allowed("GET");
    co_return pod_answer(request);
  }
  if (path[1] != "jobs") co_return no_such_path(request.head().target);
  const std::string uid = path[2];
  if (method == "PUT") co_return co_await put(request, uid);
  if (method != "GET" && method != "DELETE") co_return method_not_allowed("GET, PUT, DELETE");
  const auto capability = authorizer_.check_job(request.head(), uid);
  if (!capability) co_return net::error_response(capability.error());
  co_return method == "GET" ? get(uid) : cancel(uid);
}

net::Response Routes::pod_answer(const net::IncomingRequest& request) const {
  const Status allowed = authorizer_.check_pod(request.head());
  if (!allowed) return net::error_response(allowed.error());
  const std::string& leaf = request.target().segments[1];
  if (leaf == "status")
    return net::json_response(200, to_json(runner_.status(), runner_.table().unfinished()).dump());
  if (leaf == "jobs") return list();
  return no_such_path(request.head().target);
}

net::Response Routes::readiness() const {
  const PodStatus& status = runner_.status();
  const Json json = {{"phase", to_string(status.phase)}, {"message", status.message}};
  return net::json_response(status.phase == PodPhase::kReady ? 200 : 503, json.dump());
}

net::Response Routes::list() const {
  Json items = Json::array();
  for (const jobs::Entry* entry : runner_.table().in_order()) items.push_back(jobs::to_json(entry->state));
  return net::json_response(200,
                            Json{{"podUID", runner_.status().pod_uid}, {"items", std::move(items)}}.dump());
}

net::Response Routes::get(const std::string& uid) const {
  const jobs::Entry* entry = runner_.table().find(uid);
  if (entry == nullptr) return refusal_response(404, "NotFound", "this pod knows no job " + uid);
  return net::json_response(200, jobs::to_json(entry->state).dump());
}

net::Response Routes::cancel(const std::string& uid) {
  if (!runner_.cancel(uid)) return refusal_response(404, "NotFound", "this pod knows no job " + uid);
  return get(uid);
}

Task<net::Response> Routes::put(net::IncomingRequest& request, std::string uid) {
  const auto capability = authorizer_.check_job(request.head(), uid);
  if (!capability) co_return net::error_response(capability.error());
  const Result<std::string> body = co_await request.read_body();
  if (!body) co_return net::error_response(body.error());
  const Result<Json> json = parse_json(*body);
  if (!json) co_return refusal_response(422, "Invalid", json.error().message);
  const Result<jobs::JobRequest> job = jobs::job_request_from_json(*json);
  if (!job) co_return refusal_response(422, "Invalid", job.error().message);
  if (job->uid != uid) co_return refusal_response(422, "Invalid", "metadata.uid is not the uid of the path");
  if (authorizer_.enabled()) {
    const Status bound = check_binding(*capability, *job);
    if (!bound) co_return net::error_response(bound.error());
  }
  const PodStatus& status = runner_.status();
  if (status.phase == PodPhase::kDraining) co_return refusal_response(503, "Draining", status.message);
  if (status.phase != PodPhase::kReady) co_return refusal_response(503, "NotReady", status.message);
  const auto accepted = runner_.put(*job);
  if (!accepted) {
    const jobs::Refused& refused = accepted.error();
    co_return refusal_response(status_of(refused.refusal), jobs::to_string(refused.refusal), refused.message);
  }
  co_return net::json_response(accepted->created ? 201 : 200, jobs::to_json(accepted->state).dump());
}

}  // namespace wan::service
