#include "runtime/service/job_runner.h"

#include <boost/asio/post.hpp>
#include <system_error>
#include <utility>

#include "base/log.h"
#include "runtime/service/publisher.h"

namespace wan::service {
namespace {

using namespace std::chrono_literals;

// Reasons that the runtime itself gives; everything but bad input may go better on another try.
jobs::JobError generation_error(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalidArgument: return {"Invalid", error.message, false};
    case ErrorCode::kResourceExhausted: return {"ResourceExhausted", error.message, false};
    default: return {"GenerationFailed", error.message, true};
  }
}

const jobs::JobError kDraining{"PodDraining", "the pod ended before the video was done", true};

void remove_file(const std::filesystem::path& file) {
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
}

Json timings_json(const pipeline::Timings& timings) {
  return {{"textEncode", timings.text_encode},
          {"denoise", timings.denoise},
          {"decode", timings.decode},
          {"encode", timings.encode}};
}

}  // namespace

struct JobRunner::Link {
  JobRunner* runner;  // I/O thread only; null once the runner is gone
};

JobRunner::JobRunner(asio::any_io_executor executor, const Settings& settings, std::function<void()> changed)
    : executor_(executor),
      settings_(settings),
      changed_(std::move(changed)),
      table_(
          jobs::TableSettings{.pod_uid = settings.authority.audience, .only_job_uid = settings.only_job_uid}),
      deadlines_(executor),
      idle_(executor),
      link_(std::make_shared<Link>(Link{this})),
      tasks_(executor) {
  status_.pod_uid = settings.authority.audience;
}

JobRunner::~JobRunner() {
  link_->runner = nullptr;
  worker_.reset();
}

void JobRunner::start() {
  const auto post = [executor = executor_, link = link_](auto action) {
    asio::post(executor, [link, action = std::move(action)]() mutable {
      if (link->runner != nullptr) action(*link->runner);
    });
  };
  jobs::WorkerEvents events;
  events.loading = [post](std::string phase) {
    post([phase = std::move(phase)](JobRunner& runner) {
      const bool probing = phase == "Probing";
      runner.set_phase(probing ? PodPhase::kProbing : PodPhase::kLoading,
                       probing ? "making a small probe video" : "loading the model");
    });
  };
  events.loaded = [post](Result<jobs::Loaded> loaded) {
    post([loaded = std::move(loaded)](JobRunner& runner) mutable { runner.on_loaded(std::move(loaded)); });
  };
  events.progress = [post](const std::string& uid, int attempt, const Progress& progress) {
    post([uid, attempt, progress](JobRunner& runner) { runner.on_progress(uid, attempt, progress); });
  };
  events.finished = [post](const std::string& uid, int attempt, Result<pipeline::GenerationResult> result) {
    post([uid, attempt, result = std::move(result)](JobRunner& runner) mutable {
      runner.on_finished(uid, attempt, std::move(result));
    });
  };
  worker_ = std::make_unique<jobs::Worker>(settings_.loader, settings_.scratch, std::move(events));
  tasks_.spawn("job deadlines", watch_deadlines());
}

Task<void> JobRunner::drain(std::chrono::steady_clock::duration grace) {
  set_phase(PodPhase::kDraining, "ending: no new jobs");
  table_.fail_queued(kDraining);
  changed();
  const auto end = std::chrono::steady_clock::now() + grace;
  while (table_.unfinished() > 0 && std::chrono::steady_clock::now() < end) {
    const Result<bool> woken = co_await idle_.wait(end - std::chrono::steady_clock::now());
    if (!woken) break;
  }
  for (const jobs::Entry* entry : table_.in_order()) {
    if (is_finished(entry->state.phase)) continue;
    const std::string uid = entry->state.uid;
    const int attempt = entry->state.attempt;
    worker_->cancel(uid, attempt);
    table_.fail_job(uid, attempt, kDraining);
  }
  changed();
  tasks_.cancel();
  co_await tasks_.join();
}

std::expected<jobs::Accepted, jobs::Refused> JobRunner::put(const jobs::JobRequest& request) {
  auto accepted = table_.put(request, status_.loaded.model, std::chrono::steady_clock::now());
  if (accepted && accepted->created) {
    log::info("job {}/{} attempt {} accepted", request.namespace_, request.name, request.attempt);
    deadlines_.notify();
    pump();
  }
  return accepted;
}

bool JobRunner::cancel(const std::string& uid) {
  if (!table_.request_cancel(uid)) return false;
  stop_if_running(uid);
  changed();
  return true;
}

void JobRunner::stop_if_running(const std::string& uid) {
  const jobs::Entry* entry = table_.find(uid);
  if (entry != nullptr && entry->state.phase == jobs::Phase::kRunning)
    worker_->cancel(uid, entry->state.attempt);
}

void JobRunner::set_phase(PodPhase phase, std::string message) {
  if (status_.phase == PodPhase::kDraining) return;
  status_.phase = phase;
  status_.message = std::move(message);
  log::info("pod is {}: {}", to_string(phase), status_.message);
  changed();
}

void JobRunner::changed() {
  idle_.notify();
  changed_();
}

void JobRunner::pump() {
  const bool may_start = status_.phase == PodPhase::kReady;
  if (auto entry = may_start ? table_.start_next(std::chrono::steady_clock::now()) : std::nullopt) {
    const std::filesystem::path output =
        settings_.scratch / (entry->state.uid + "-" + std::to_string(entry->state.attempt) + ".mp4");
    worker_->run({entry->state.uid, entry->state.attempt, entry->state.resolved, output});
  }
  changed();
}

void JobRunner::on_loaded(Result<jobs::Loaded> loaded) {
  if (!loaded) {
    set_phase(PodPhase::kFailed, loaded.error().message);
    return;
  }
  status_.loaded = *std::move(loaded);
  set_phase(PodPhase::kReady, "serving " + status_.loaded.model.name);
  log::info("loaded in {:.1f} s, probed in {:.1f} s", status_.loaded.load_seconds,
            status_.loaded.probe_seconds);
}

void JobRunner::on_progress(const std::string& uid, int attempt, const Progress& progress) {
  if (progress.seconds_per_step > 0) status_.seconds_per_step = progress.seconds_per_step;
  table_.report_progress(uid, attempt, progress);
  changed_();
}

void JobRunner::on_finished(const std::string& uid, int attempt, Result<pipeline::GenerationResult> result) {
  table_.generation_ended(uid, attempt);
  const bool wanted = upload_token(uid, attempt).has_value();
  if (result && wanted) {
    tasks_.spawn("upload " + uid, upload(uid, attempt, *std::move(result)));
  } else if (wanted) {
    log::warn("job {} attempt {}: {}", uid, attempt, result.error().message);
    table_.fail_job(uid, attempt, generation_error(result.error()));
  } else {
    if (result) remove_file(result->file);
    table_.cancel_confirmed(uid, attempt);
  }
  pump();
}

std::optional<std::string> JobRunner::upload_token(const std::string& uid, int attempt) const {
  const jobs::Entry* entry = table_.find_unfinished(uid, attempt);
  if (entry == nullptr || entry->cancel_requested) return std::nullopt;
  return entry->request.artifact.token;
}

Task<void> JobRunner::upload(std::string uid, int attempt, pipeline::GenerationResult result) {
  const auto start = std::chrono::steady_clock::now();
  const jobs::Entry* entry = table_.find_unfinished(uid, attempt);
  if (entry == nullptr) co_return remove_file(result.file);
  Upload what{result.file, result.sha256, entry->request.artifact.url};
  table_.report_progress(
      uid, attempt, Progress{.phase = "Upload", .total = result.bytes, .percent = 99, .seconds_left = 0});
  changed_();
  const TokenSource token = [this, uid, attempt] { return upload_token(uid, attempt); };
  const auto published = co_await publish(what, token, settings_.upload_give_up);
  remove_file(result.file);
  if (published) {
    Json timings = timings_json(result.timings);
    timings["load"] = status_.loaded.load_seconds;
    timings["upload"] = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Json json = pipeline::to_json(result);
    json["url"] = what.url;
    table_.succeed(uid, attempt, std::move(json), std::move(timings));
    log::info("job {} attempt {} succeeded: {} bytes, {}", uid, attempt, result.bytes, result.sha256);
  } else if (!token()) {
    table_.cancel_confirmed(uid, attempt);
  } else {
    table_.fail_job(uid, attempt, published.error());
    log::warn("job {} attempt {}: {}", uid, attempt, published.error().message);
  }
  changed();
}

void JobRunner::expire(const std::string& uid) {
  const jobs::Entry* entry = table_.find(uid);
  if (entry == nullptr) return;
  stop_if_running(uid);
  const std::string limit = std::to_string(entry->request.active_deadline_seconds);
  table_.fail_job(uid, entry->state.attempt,
                  {"DeadlineExceeded", "not done within activeDeadlineSeconds (" + limit + ")", false});
  changed();
}

Task<void> JobRunner::watch_deadlines() {
  while (true) {
    const auto next = table_.next_deadline();
    const auto now = std::chrono::steady_clock::now();
    SteadyTime::duration patience = 1h;
    if (next) patience = std::max(*next - now, SteadyTime::duration(1ms));
    const Result<bool> woken = co_await deadlines_.wait(patience);
    if (!woken) co_return;
    for (const std::string& uid : table_.take_expired(std::chrono::steady_clock::now())) expire(uid);
  }
}

}  // namespace wan::service
