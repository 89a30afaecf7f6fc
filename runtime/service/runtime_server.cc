#include "runtime/service/runtime_server.h"

#include <fstream>
#include <optional>
#include <utility>

#include "base/async/notify.h"
#include "base/async/signals.h"
#include "base/async/task_group.h"
#include "base/log.h"
#include "base/net/server.h"
#include "runtime/service/event_stream.h"
#include "runtime/service/job_runner.h"
#include "runtime/service/routes.h"

namespace wan::service {
namespace {

using namespace std::chrono_literals;

constexpr size_t kTerminationMessageBytes = 4096;
// A job's fields, and a picture as large as a ConfigMap holds, in base64.
constexpr size_t kMaxBodyBytes = 4u << 20;

net::ServerSettings server_settings(const Settings& settings) {
  net::ServerSettings server;
  server.address = settings.address;
  server.port = settings.port;
  server.max_body_bytes = kMaxBodyBytes;
  return server;
}

Outcome outcome_of(jobs::Phase phase) {
  if (phase == jobs::Phase::kSucceeded) return Outcome::kSucceeded;
  return phase == jobs::Phase::kCancelled ? Outcome::kCancelled : Outcome::kFailed;
}

// All parts of one pod; members are wired in the order of their dependencies.
class Pod {
 public:
  Pod(asio::any_io_executor executor, Settings settings)
      : settings_(std::move(settings)),
        wake_(executor),
        runner_(executor, settings_, [this] { on_change(); }),
        events_(executor, runner_, settings_),
        routes_(settings_.authority, clock_, runner_, events_, settings_.decode_image),
        server_(executor, server_settings(settings_),
                [this](net::IncomingRequest& request, net::ResponseWriter& writer) {
                  return routes_.handle(request, writer);
                }),
        tasks_(executor) {}

  Task<Result<Outcome>> run(std::function<void(uint16_t)> listening) {
    WAN_CO_TRY_VOID(server_.start());
    listening(server_.port());
    runner_.start();
    tasks_.spawn("termination", watch_signals());
    const bool one_shot = !settings_.only_job_uid.empty();
    Outcome outcome = Outcome::kTerminated;
    if (one_shot) {
      outcome = co_await until_job_ended();
    } else {
      outcome = co_await until_terminated();
    }
    co_await runner_.drain(terminated_ ? settings_.drain : SteadyTime::duration::zero());
    if (one_shot) outcome = leave_final_state(outcome);
    events_.close();
    co_await server_.stop(2s);
    tasks_.cancel();
    co_await tasks_.join();
    co_return outcome;
  }

 private:
  void on_change() {
    events_.notify();
    wake_.notify();
  }

  Task<void> watch_signals() {
    const Result<int> signal = co_await wait_for_termination();
    if (!signal) co_return;
    log::info("signal {}: ending", *signal);
    terminated_ = true;
    wake_.notify();
  }

  // Until the signal. A model that cannot be loaded ends the process: the kubelet restarts it and counts.
  Task<Outcome> until_terminated() {
    while (!terminated_) {
      if (runner_.status().phase == PodPhase::kFailed) co_return Outcome::kFailed;
      const Result<bool> woken = co_await wake_.wait(1h);
      if (!woken) break;
    }
    co_return Outcome::kTerminated;
  }

  Task<Outcome> until_job_ended() {
    const auto assignment_end = std::chrono::steady_clock::now() + settings_.assignment_timeout;
    while (!terminated_) {
      if (runner_.status().phase == PodPhase::kFailed) {
        failure_ = runner_.status().message;
        co_return Outcome::kFailed;
      }
      const jobs::Entry* entry = runner_.table().find(settings_.only_job_uid);
      if (entry != nullptr && is_finished(entry->state.phase)) co_return co_await tell(entry->state);
      const auto now = std::chrono::steady_clock::now();
      if (entry == nullptr && now >= assignment_end) co_return Outcome::kNeverAssigned;
      const Result<bool> woken = co_await wake_.wait(entry == nullptr ? assignment_end - now : 1h);
      if (!woken) break;
    }
    co_return Outcome::kTerminated;
  }

  // Gives a connected operator the time to read the end of the job.
  Task<Outcome> tell(jobs::JobState state) {
    const auto end = std::chrono::steady_clock::now() + settings_.telling;
    while (!terminated_ && !events_.delivered(state.uid) && std::chrono::steady_clock::now() < end) {
      const Result<bool> woken = co_await wake_.wait(100ms);
      if (!woken) break;
    }
    co_return outcome_of(state.phase);
  }

  // The end of a one-shot pod, where the kubelet picks it up: the job's state, or why it was never begun.
  Outcome leave_final_state(Outcome outcome) {
    jobs::JobState state;
    state.uid = settings_.only_job_uid;
    state.attempt = 1;
    state.phase = jobs::Phase::kFailed;
    if (const jobs::Entry* entry = runner_.table().find(settings_.only_job_uid)) {
      state = entry->state;
      outcome = outcome_of(state.phase);
    } else if (outcome == Outcome::kNeverAssigned) {
      state.error = {"NeverAssigned", "no job was handed to this pod in time", true};
    } else {
      state.error = {terminated_ ? "PodDraining" : "ModelLoadFailed", failure_, true};
    }
    if (!settings_.termination_log.empty()) write_termination_log(state);
    return outcome;
  }

  // Not atomically: the kubelet mounts this one file, which cannot be renamed over.
  void write_termination_log(const jobs::JobState& state) {
    std::ofstream file(settings_.termination_log, std::ios::binary | std::ios::trunc);
    file << jobs::to_termination_message(state, kTerminationMessageBytes);
    if (!file.flush()) log::warn("termination log {}: cannot be written", settings_.termination_log.string());
  }

  Settings settings_;
  SystemClock clock_;
  Notify wake_;
  bool terminated_ = false;
  std::string failure_ = "the pod was ended before its job began";
  JobRunner runner_;
  EventHub events_;
  Routes routes_;
  net::Server server_;
  TaskGroup tasks_;  // last
};

}  // namespace

Task<Result<Outcome>> serve(Settings settings, std::function<void(uint16_t)> listening) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  Pod pod(executor, std::move(settings));
  Result<Outcome> outcome = co_await pod.run(std::move(listening));
  co_return outcome;
}

}  // namespace wan::service
