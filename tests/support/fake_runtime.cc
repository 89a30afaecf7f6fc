#include "tests/support/fake_runtime.h"

#include <utility>

namespace wan::testing {
namespace {

net::ServerSettings at(std::string address, uint16_t port) {
  net::ServerSettings settings;
  settings.address = std::move(address);
  settings.port = port;
  return settings;
}

net::Response refuse(unsigned status, const std::string& reason, const std::string& message) {
  Json body = Json::object();
  body["error"]["reason"] = reason;
  body["error"]["message"] = message;
  return net::json_response(status, body.dump());
}

std::string join(const std::vector<std::string>& segments) {
  std::string path;
  for (const std::string& segment : segments) path += "/" + segment;
  return path;
}

std::string bearer(const net::Request& head) {
  const std::string header(head.headers.get("Authorization").value_or(""));
  return header.starts_with("Bearer ") ? header.substr(7) : "";
}

}  // namespace

FakeRuntime::FakeRuntime(asio::any_io_executor executor, std::string address, uint16_t port,
                         std::string pod_uid, std::string public_key)
    : executor_(executor),
      pod_uid_(std::move(pod_uid)),
      public_key_(std::move(public_key)),
      answer_(executor),
      server_(executor, at(std::move(address), port),
              [this](net::IncomingRequest& request, net::ResponseWriter& writer) {
                return handle(request, writer);
              }),
      tasks_(executor) {}

Task<void> FakeRuntime::stop() {
  break_streams();
  tasks_.cancel();
  co_await tasks_.join();
  co_await server_.stop(std::chrono::milliseconds(100));
}

Json FakeRuntime::status() const {
  Json made = Json::object();
  made["podUID"] = pod_uid_;
  made["phase"] = phase_;
  made["message"] = message_;
  made["model"]["name"] = "wan-tiny";
  made["model"]["digest"] = "sha256:" + std::string(64, 'a');
  made["numericsId"] = "n1";
  made["jobs"] = jobs_.size();
  if (!weights_.is_null()) made["weights"] = weights_;
  return made;
}

void FakeRuntime::send(const Json& event) {
  for (Stream& stream : streams_) {
    stream.lines.push_back(event.dump() + "\n");
    stream.wake.notify();
  }
}

void FakeRuntime::set_phase(const std::string& phase, const std::string& message) {
  phase_ = phase;
  message_ = message;
  Json event = Json::object();
  event["type"] = "STATUS";
  event["status"] = status();
  send(event);
}

void FakeRuntime::set_job(Json state) {
  const std::string uid = string_or(state, {"uid"}, "");
  Json event = Json::object();
  event["type"] = "JOB";
  event["job"] = state;
  jobs_[uid] = std::move(state);
  send(event);
}

const Json* FakeRuntime::job(const std::string& uid) const {
  const auto it = jobs_.find(uid);
  return it == jobs_.end() ? nullptr : &it->second;
}

void FakeRuntime::break_streams() {
  for (Stream& stream : streams_) {
    stream.broken = true;
    stream.wake.notify();
  }
}

void FakeRuntime::refuse_next_put(unsigned status, std::string reason, std::string message) {
  refusal_ = refuse(status, reason, message);
}

size_t FakeRuntime::puts() const {
  size_t count = 0;
  for (const RuntimeRequest& request : requests_) count += request.method == "PUT" ? 1 : 0;
  return count;
}

Task<void> FakeRuntime::handle(net::IncomingRequest& request, net::ResponseWriter& writer) {
  const std::vector<std::string> segments = request.target().segments;
  const std::string path = join(segments);
  const std::string method = request.head().method;
  const auto grant = verify_capability(bearer(request.head()), public_key_, pod_uid_, clock_.wall());
  net::Response response = refuse(404, "NotFound", path);
  if (!grant) {
    ++refused_;
    response = refuse(403, "PermissionDenied", grant.error().message);
  } else {
    auto text = co_await request.read_body();
    Json body = text && !text->empty() ? parse_json(*text).value_or(Json()) : Json();
    requests_.push_back(RuntimeRequest{method, path, *grant, body});
    if (path == "/v1/events") {
      co_await serve_events(writer);
      co_return;
    }
    if (path == "/v1/jobs") {
      Json list = Json::object();
      list["podUID"] = pod_uid_;
      list["items"] = Json::array();
      for (const auto& [uid, job] : jobs_) list["items"].push_back(job);
      response = net::json_response(200, list.dump());
    } else if (path == "/v1/status") {
      response = net::json_response(200, status().dump());
    } else if (segments.size() == 4 && segments[3] == "resolution" && resolver_) {
      Json answer = Json::object();
      answer["jobHash"] = resolver_(body);
      response = net::json_response(200, answer.dump());
    } else if (segments.size() == 3 && segments[1] == "jobs") {
      if (grant->subject != segments[2] || grant->scope != "job") {
        response = refuse(403, "PermissionDenied", "the capability is for another job");
      } else if (method == "PUT") {
        response = put_job(segments[2], body);
      } else if (method == "DELETE") {
        response = delete_job(segments[2]);
      }
    }
  }
  if (method == "PUT" && std::exchange(holds_answer_, false)) {
    const auto released = co_await answer_.wait(std::chrono::hours(1));
    if (!released) co_return;
  }
  const Status sent = co_await writer.respond(std::move(response));
  static_cast<void>(sent);
}

Task<void> FakeRuntime::serve_events(net::ResponseWriter& writer) {
  net::Headers headers;
  headers.set("Content-Type", "application/x-ndjson");
  if (!co_await writer.start_stream(200, std::move(headers))) co_return;
  const auto stream = streams_.emplace(streams_.end(), executor_);
  Json first = Json::object();
  first["type"] = "STATUS";
  first["status"] = status();
  stream->lines.push_back(first.dump() + "\n");
  for (const auto& [uid, job] : jobs_) {
    Json event = Json::object();
    event["type"] = "JOB";
    event["job"] = job;
    stream->lines.push_back(event.dump() + "\n");
  }
  while (!stream->broken) {
    const std::vector<std::string> lines = std::exchange(stream->lines, {});
    bool gone = false;
    for (const std::string& line : lines) {
      const Status written = co_await writer.write(line);
      if (!written) gone = true;
    }
    if (gone) break;
    const auto woken = co_await stream->wake.wait(std::chrono::seconds(1));
    if (!woken) break;
    if (!*woken) stream->lines.emplace_back("{\"type\":\"HEARTBEAT\"}\n");
  }
  streams_.erase(stream);
}

net::Response FakeRuntime::put_job(const std::string& uid, const Json& body) {
  if (refusal_) {
    net::Response refusal = *std::move(refusal_);
    refusal_.reset();
    return refusal;
  }
  const std::string epoch = string_or(body, {"epoch"}, "");
  if (string_or(body, {"podUID"}, "") != pod_uid_) return refuse(409, "WrongPod", "another pod is meant");
  if (epoch_less(epoch, highest_epoch_)) return refuse(409, "StaleEpoch", "a newer leader was here");
  highest_epoch_ = epoch;
  const int64_t attempt = int_or(body, {"attempt"}, 0);
  if (const Json* known = job(uid)) {
    const int64_t known_attempt = int_or(*known, {"attempt"}, 0);
    if (attempt < known_attempt) return refuse(409, "StaleAttempt", "a later attempt is known");
    if (attempt == known_attempt) return net::json_response(200, known->dump());
  }
  if (phase_ != "Ready") return refuse(503, phase_ == "Draining" ? "Draining" : "NotReady", phase_);
  Json state = Json::object();
  state["uid"] = uid;
  state["namespace"] = string_or(body, {"metadata", "namespace"}, "");
  state["name"] = string_or(body, {"metadata", "name"}, "");
  state["attempt"] = attempt;
  state["epoch"] = epoch;
  state["phase"] = "Queued";
  if (resolver_) state["jobHash"] = resolver_(body);
  const std::string text = state.dump();
  set_job(std::move(state));
  if (runs_by_itself_) tasks_.spawn("job " + uid, run_job(uid));
  return net::json_response(201, text);
}

net::Response FakeRuntime::delete_job(const std::string& uid) {
  const Json* known = job(uid);
  if (known == nullptr) return refuse(404, "NotFound", uid);
  Json state = *known;
  state["phase"] = "Cancelled";
  const std::string text = state.dump();
  set_job(std::move(state));
  return net::json_response(200, text);
}

Task<void> FakeRuntime::run_job(std::string uid) {
  for (int step = 1; step <= 4; ++step) {
    const Status waited = co_await sleep_for(step_);
    if (!waited || !jobs_.contains(uid)) co_return;
    Json state = jobs_[uid];
    if (string_or(state, {"phase"}, "") == "Cancelled") co_return;
    state["phase"] = step < 4 ? "Running" : "Succeeded";
    state["progress"]["phase"] = "Denoise";
    state["progress"]["step"] = std::min(step, 3);
    state["progress"]["steps"] = 3;
    state["progress"]["percent"] = step * 25.0;
    if (step == 4) {
      Json& result = state["result"];
      result["url"] = "http://store/" + uid + ".mp4";
      result["sha256"] = "sha256:" + std::string(64, 'b');
      result["bytes"] = 1234;
      result["width"] = 96;
      result["height"] = 96;
      result["frames"] = 17;
      result["fps"] = 16;
      result["durationSeconds"] = 1.0625;
      result["codec"] = "h264";
      result["seed"] = 42;
      result["framesSha256"] = "sha256:" + std::string(64, 'c');
      result["modelDigest"] = "sha256:" + std::string(64, 'a');
      result["numericsId"] = "n1";
      if (!state.contains("jobHash")) state["jobHash"] = "sha256:" + std::string(64, 'd');
    }
    set_job(std::move(state));
  }
}

}  // namespace wan::testing
