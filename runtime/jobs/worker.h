#pragma once
// The inference thread: loads the model, probes it, then runs one generation at a time. Torch never runs
// elsewhere.
//
// Thread rules: run() and cancel() may be called from any thread; the callbacks are called on the inference
// thread and must hand their values over (post) without waiting.

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "runtime/pipeline/generator.h"

namespace wan::jobs {

struct Loaded {
  pipeline::ModelInfo model;
  std::string numerics_id;
  double load_seconds = 0;
  double probe_seconds = 0;
};

struct Work {
  std::string uid;
  int attempt = 0;
  pipeline::ResolvedGeneration generation;
  std::filesystem::path output;
};

using Loader = std::function<Result<std::unique_ptr<pipeline::Generator>>(const pipeline::ProgressSink&)>;

struct WorkerEvents {
  std::function<void(std::string phase)> loading;  // "Loading", then "Probing"
  std::function<void(Result<Loaded>)> loaded;
  std::function<void(std::string uid, int attempt, Progress)> progress;
  std::function<void(std::string uid, int attempt, Result<pipeline::GenerationResult>)> finished;
};

class Worker {
 public:
  // `scratch`: an existing folder for the probe's file.
  Worker(Loader loader, std::filesystem::path scratch, WorkerEvents events);
  ~Worker();  // stops the running generation, joins
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // One at a time: only after the previous work's `finished`.
  void run(Work work);
  // Stops that attempt if it is the running one; `finished` then says kCancelled.
  void cancel(const std::string& uid, int attempt);

 private:
  void loop();
  [[nodiscard]] Result<Loaded> load_and_probe();
  void perform(const Work& work);

  const Loader loader_;
  const std::filesystem::path scratch_;
  const WorkerEvents events_;
  std::unique_ptr<pipeline::Generator> generator_;  // touched by the inference thread only

  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<Work> next_;  // guarded by mutex_
  std::string running_uid_;   // guarded by mutex_
  int running_attempt_ = 0;   // guarded by mutex_
  bool ending_ = false;       // guarded by mutex_
  std::atomic<bool> stop_{false};
  std::thread thread_;  // last: starts when everything above exists
};

}  // namespace wan::jobs
