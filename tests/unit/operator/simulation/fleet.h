#pragma once
// The runtime pods as a model: what `wan-runtime serve` promises through its job API, without HTTP and
// without a model. Jobs take virtual time, one at a time in each pod.

#include <functional>
#include <list>
#include <map>
#include <set>
#include <string>

#include "base/json/json.h"
#include "operator/dispatch/capability_issuer.h"
#include "operator/dispatch/dispatcher.h"
#include "operator/dispatch/runtimes.h"
#include "tests/unit/operator/simulation/api_client.h"
#include "tests/unit/operator/simulation/world.h"

namespace wan::simulation {

// A dispatch that a pod took.
struct Accepted {
  std::string pod_uid;
  std::string job_uid;
  int attempt = 0;
  std::string epoch;
  bool fresh = false;  // an attempt that it did not know
};

class Fleet {
 public:
  Fleet(World& world, const Planted& planted) : world_(world), planted_(planted) {}

  // The runtime container of a pod starts (again): it loads, then tells `ready`. `only_job` as in one-shot
  // pods; its `exited` is called with the job's last state.
  void start(const std::string& pod_uid, const std::string& only_job, std::function<void()> ready,
             std::function<void(Json)> exited);
  void stop(const std::string& pod_uid);
  [[nodiscard]] bool ready(const std::string& pod_uid) const;

  // The job API. `epoch` is that of the capability.
  [[nodiscard]] Result<Json> put(const std::string& pod_uid, const std::string& epoch, const Json& body);
  // What it would make of a job: the hash alone.
  [[nodiscard]] Result<Json> resolve(const std::string& pod_uid, const Json& body);
  [[nodiscard]] Result<Json> cancel(const std::string& pod_uid, const std::string& job_uid, int attempt,
                                    const std::string& epoch);
  // STATUS, then every job; `heard` is called with each event from now on until the pod ends (null). Returns
  // false if there is no such pod.
  bool follow(const std::string& pod_uid, std::shared_ptr<std::function<void(const Json&)>> heard);

  void listen(std::function<void(const Accepted&)> accepted) { accepted_ = std::move(accepted); }
  // Jobs (by name) whose first generation fails in a way that may be tried again, or that no pod takes.
  std::set<std::string> fails_once;
  std::set<std::string> invalid;
  // UIDs of the jobs that have come to a video, ever.
  [[nodiscard]] const std::set<std::string>& made() const { return made_; }
  // Pods that work on the job now.
  [[nodiscard]] std::vector<std::string> working_on(const std::string& job_uid) const;

 private:
  struct Pod {
    uint64_t life = 0;  // of this container
    std::string phase = "Loading";
    std::string only_job;
    std::string highest_epoch;
    std::map<std::string, Json> jobs;
    std::list<std::string> queue;
    std::string generating;
    std::vector<std::weak_ptr<std::function<void(const Json&)>>> followers;
    std::function<void(Json)> exited;
  };
  [[nodiscard]] Result<Json> take(const std::string& pod_uid, const std::string& epoch, const Json& body);
  [[nodiscard]] Pod* find(const std::string& pod_uid, uint64_t life = 0);
  [[nodiscard]] Json status(const std::string& pod_uid, const Pod& pod) const;
  void send(Pod& pod, const Json& event);
  void set(Pod& pod, Json job);
  void start_next(const std::string& pod_uid, Pod& pod);
  void advance(const std::string& pod_uid, uint64_t life, const std::string& job_uid, int step);
  void finish(Pod& pod, Json job, const std::string& phase);

  World& world_;
  const Planted& planted_;
  std::map<std::string, Pod> pods_;
  std::set<std::string> failed_once_;
  std::set<std::string> made_;
  std::function<void(const Accepted&)> accepted_;
  uint64_t lives_ = 0;
};

// What one operator process knows of the fleet.
class Runtimes final : public dispatch::Runtimes {
 public:
  Runtimes(Process& process, Fleet& fleet, const Weather& weather, const dispatch::CapabilityIssuer& issuer,
           milliseconds timeout, dispatch::Dispatcher::Listener listener)
      : process_(process),
        fleet_(fleet),
        weather_(weather),
        issuer_(issuer),
        timeout_(timeout),
        listener_(std::move(listener)) {}

  void start() override { active_ = true; }
  void pod_changed(const api::Pod* before, const api::Pod* after) override;
  [[nodiscard]] const api::RuntimeView* view(const std::string& pod_uid) const override;
  [[nodiscard]] Task<Status> put_job(std::string pod_uid, std::string job_uid, int attempt,
                                     Json body) override;
  [[nodiscard]] Task<Result<dispatch::JobResolution>> resolve_job(std::string pod_uid, std::string job_uid,
                                                                  int attempt, Json body) override;
  [[nodiscard]] Task<Status> cancel_job(std::string pod_uid, std::string job_uid, int attempt) override;

 private:
  struct Link {
    dispatch::PodRef ref;
    api::RuntimeView view;
    Duration last_arrival{0};
    std::shared_ptr<std::function<void(const Json&)>> follower;
    bool first = false;       // the next event is the first of a new stream
    uint64_t connection = 0;  // how many streams have begun
    bool broken = false;      // this stream delivers nothing more
  };
  using LinkRef = std::weak_ptr<Link>;
  void connect(const LinkRef& link);
  void arrive(const LinkRef& link, Json event);
  void hear(Link& link, const Json& event);
  void answer(const std::string& pod_uid, const Json& job, uint64_t connection);
  [[nodiscard]] uint64_t connection_to(const std::string& pod_uid) const;
  void tell(Link& link, const api::RuntimeView& before);
  [[nodiscard]] Task<Result<Json>> call(std::function<Result<Json>()> perform);

  Process& process_;
  Fleet& fleet_;
  const Weather& weather_;
  const dispatch::CapabilityIssuer& issuer_;
  milliseconds timeout_;
  dispatch::Dispatcher::Listener listener_;
  bool active_ = false;
  std::map<std::string, std::shared_ptr<Link>> links_;
};

}  // namespace wan::simulation
