#pragma once
// The API server as one process sees it: through a network that delays, loses requests and answers, breaks
// watches and lets caches fall behind.

#include <list>

#include "operator/kube/api.h"
#include "tests/unit/operator/simulation/api_server.h"
#include "tests/unit/operator/simulation/world.h"

namespace wan::simulation {

// What goes wrong, until calm() is called.
struct Weather {
  double lost_request = 0;
  double lost_answer = 0;
  double slow = 0;  // seconds instead of milliseconds
  double broken_watch = 0;
  bool stale_watches = false;  // events may be seconds late
  void calm() { *this = Weather(); }
};

// Defects that a test plants, to see them caught.
struct Planted {
  bool acknowledges_status_before_writing = false;  // the assignment is written after the dispatch
  bool ignores_versions = false;                    // status writes overwrite what they have not seen
  bool deletes_by_name = false;                     // whoever has the name by then
  bool obeys_former_leaders = false;  // they sign after their Lease, and pods take what they send
  bool any() const {
    return acknowledges_status_before_writing || ignores_versions || deletes_by_name || obeys_former_leaders;
  }
};

// A write of one process, about to be sent or just carried out.
struct Moment {
  uint64_t write = 0;      // its number
  uint64_t job_write = 0;  // its number among those of VideoJobs; 0: not one of them
  bool carried_out = false;
};

class ApiClient final : public kube::Api {
 public:
  ApiClient(Process& process, ApiServer& server, const Weather& weather, const Planted& planted,
            std::string actor, milliseconds timeout)
      : process_(process),
        server_(server),
        weather_(weather),
        planted_(planted),
        actor_(std::move(actor)),
        timeout_(timeout) {
    server_.listen([open = open_](const Write& write) { tell(*open, write); });
  }

  void on_write(std::function<void(const Moment&)> notice) { notice_ = std::move(notice); }

  Task<Result<Json>> get(kube::Resource resource, std::string namespace_, std::string name) override;
  Task<Result<kube::ListPage>> list(kube::Resource resource, kube::ListOptions options) override;
  Task<Result<std::unique_ptr<kube::WatchStream>>> watch(kube::Resource resource,
                                                         kube::WatchOptions options) override;
  Task<Result<Json>> create(kube::Resource resource, Json object) override;
  Task<Result<Json>> update(kube::Resource resource, Json object) override;
  Task<Result<Json>> apply(kube::Resource resource, Json object, std::string field_manager,
                           std::string subresource) override;
  Task<Result<Json>> merge_patch(kube::Resource resource, std::string namespace_, std::string name,
                                 Json patch) override;
  Task<Status> remove(kube::Resource resource, std::string namespace_, std::string name,
                      kube::DeleteOptions options) override;

  struct Watch;

 private:
  using Watches = std::list<std::weak_ptr<Watch>>;

  template <class T>
  Task<T> call(std::function<T()> perform);
  template <class T>
  Task<T> write(kube::Resource resource, std::function<T()> perform);
  template <class T>
  Task<T> send(std::function<T()> perform, Moment moment);
  void tell_of(Moment moment, bool carried_out);
  static void tell(Watches& watches, const Write& write);
  [[nodiscard]] Duration latency();

  Process& process_;
  ApiServer& server_;
  const Weather& weather_;
  const Planted& planted_;
  std::string actor_;
  milliseconds timeout_;
  std::function<void(const Moment&)> notice_;
  uint64_t writes_ = 0;
  uint64_t job_writes_ = 0;
  std::shared_ptr<Watches> open_ = std::make_shared<Watches>();
};

}  // namespace wan::simulation
