#include "runtime/jobs/worker.h"

#include <chrono>
#include <system_error>
#include <utility>

namespace wan::jobs {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

Worker::Worker(Loader loader, std::filesystem::path scratch, WorkerEvents events)
    : loader_(std::move(loader)),
      scratch_(std::move(scratch)),
      events_(std::move(events)),
      thread_([this] { loop(); }) {}

Worker::~Worker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
    stop_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void Worker::run(Work work) {
  {
    const std::lock_guard lock(mutex_);
    WAN_CHECK(!next_ && running_uid_.empty());
    running_uid_ = work.uid;
    running_attempt_ = work.attempt;
    stop_ = ending_;
    next_ = std::move(work);
  }
  wake_.notify_one();
}

void Worker::cancel(const std::string& uid, int attempt) {
  const std::lock_guard lock(mutex_);
  if (running_uid_ == uid && running_attempt_ == attempt) stop_ = true;
}

void Worker::loop() {
  Result<Loaded> loaded = load_and_probe();
  const bool usable = loaded.has_value();
  events_.loaded(std::move(loaded));
  while (usable) {
    std::optional<Work> work;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return ending_ || next_; });
      if (ending_) return;
      work = std::exchange(next_, std::nullopt);
    }
    perform(*work);
  }
}

Result<Loaded> Worker::load_and_probe() {
  events_.loading("Loading");
  auto start = std::chrono::steady_clock::now();
  WAN_TRY(generator_, loader_([](const Progress&) {}));
  Loaded loaded{generator_->info(), generator_->numerics_id(), seconds_since(start), 0};
  events_.loading("Probing");
  start = std::chrono::steady_clock::now();
  const std::filesystem::path file = scratch_ / "probe.mp4";
  const auto probed =
      generator_->generate(pipeline::probe_generation(loaded.model), file, [](const Progress&) {}, stop_);
  std::error_code ignored;
  std::filesystem::remove(file, ignored);
  if (!probed) return fail(probed.error().with_context("the probe generation"));
  loaded.probe_seconds = seconds_since(start);
  return loaded;
}

void Worker::perform(const Work& work) {
  const auto report = [this, &work](const Progress& progress) {
    events_.progress(work.uid, work.attempt, progress);
  };
  auto result = generator_->generate(work.generation, work.output, report, stop_);
  {
    const std::lock_guard lock(mutex_);
    running_uid_.clear();
  }
  events_.finished(work.uid, work.attempt, std::move(result));
}

}  // namespace wan::jobs
