#include "tests/unit/operator/simulation/api_client.h"

#include <boost/asio/post.hpp>
#include <deque>
#include <utility>

namespace wan::simulation {
namespace {

kube::WatchEvent event_of(const Write& write) {
  if (!write.after) {
    Json last = *write.before;
    last["metadata"]["resourceVersion"] = std::to_string(write.version);
    return {kube::WatchEventType::kDeleted, std::move(last)};
  }
  return {write.before ? kube::WatchEventType::kModified : kube::WatchEventType::kAdded, *write.after};
}

}  // namespace

// Events arrive in bursts, as a busy network delivers them: fewer, and larger, steps of a run.
Duration next_burst(Duration time) {
  constexpr Duration kBurst = milliseconds(60);
  return (time / kBurst + 1) * kBurst;
}

// Events on their way to one process, in order.
struct ApiClient::Watch {
  Watch(Process& to, const Weather& w) : process(to), weather(w), arrived(to.context()) {
    arrived.expires_at(asio::steady_timer::time_point::max());
  }
  [[nodiscard]] bool wants(const Write& write) const {
    if (write.resource != resource) return false;
    if (!options.namespace_.empty() && write.key.namespace_ != options.namespace_) return false;
    return selects(options.label_selector, write.after ? *write.after : *write.before);
  }
  void send(const Write& write, const std::shared_ptr<Watch>& self) {
    World& world = process.world();
    if (world.chance(weather.broken_watch)) broken = true;
    if (broken) return end(self);
    const bool late = weather.stale_watches && world.chance(0.1);
    const Duration delay = world.between(milliseconds(1), late ? Duration(seconds(8)) : milliseconds(40));
    last_arrival = std::max(last_arrival, next_burst(world.now() + delay));
    world.after(last_arrival - world.now(), [self, event = event_of(write)]() mutable {
      self->ready.push_back(std::move(event));
      self->arrived.cancel();
    });
  }
  void end(const std::shared_ptr<Watch>& self) {
    World& world = process.world();
    world.after(std::max(last_arrival - world.now(), Duration(0)), [self] {
      self->ended = true;
      self->arrived.cancel();
    });
  }

  Process& process;
  const Weather& weather;
  kube::Resource resource;
  kube::WatchOptions options;
  std::deque<kube::WatchEvent> ready;
  Duration last_arrival{0};
  bool broken = false;
  bool ended = false;
  asio::steady_timer arrived;
};

namespace {

class Stream final : public kube::WatchStream {
 public:
  explicit Stream(std::shared_ptr<ApiClient::Watch> watch) : watch_(std::move(watch)) {}
  Task<Result<std::vector<kube::WatchEvent>>> read() override {
    while (watch_->ready.empty() && !watch_->ended) {
      if (!co_await wait_for_arrival(watch_->arrived)) co_return fail(cancelled("the watch was cancelled"));
    }
    std::vector<kube::WatchEvent> events(std::make_move_iterator(watch_->ready.begin()),
                                         std::make_move_iterator(watch_->ready.end()));
    watch_->ready.clear();
    co_return events;
  }

 private:
  std::shared_ptr<ApiClient::Watch> watch_;
};

}  // namespace

void ApiClient::tell(Watches& watches, const Write& write) {
  for (auto it = watches.begin(); it != watches.end();) {
    const auto watch = it->lock();
    it = watch ? std::next(it) : watches.erase(it);
    if (watch && !watch->broken && watch->wants(write)) watch->send(write, watch);
  }
}

Duration ApiClient::latency() {
  World& world = process_.world();
  return world.between(milliseconds(1),
                       world.chance(weather_.slow) ? Duration(seconds(6)) : milliseconds(20));
}

void ApiClient::tell_of(Moment moment, bool carried_out) {
  if (moment.write == 0 || !notice_ || process_.dead) return;
  moment.carried_out = carried_out;
  notice_(moment);
}

template <class T>
Task<T> ApiClient::call(std::function<T()> perform) {
  return send(std::move(perform), Moment());
}

// Events are for people: nothing depends on them.
template <class T>
Task<T> ApiClient::write(kube::Resource resource, std::function<T()> perform) {
  if (resource == kube::kEvents) return send(std::move(perform), Moment());
  return send(std::move(perform),
              Moment{.write = ++writes_, .job_write = resource == kube::kVideoJobs ? ++job_writes_ : 0});
}

template <class T>
Task<T> ApiClient::send(std::function<T()> perform, Moment moment) {
  World& world = process_.world();
  tell_of(moment, false);
  // Frozen just now: sent on waking, whatever has happened meanwhile.
  if (process_.frozen) co_await asio::post(process_.context(), asio::use_awaitable);
  if (process_.dead) co_return T(fail(cancelled("the process is dead")));
  auto reply = std::make_shared<Reply<T>>(process_);
  const Error timeout{ErrorCode::kDeadlineExceeded, "no answer in time"};
  const uint64_t limit = world.after(timeout_, [reply, timeout] { reply->answer(T(fail(timeout))); });
  if (!world.chance(weather_.lost_request)) {
    world.after(latency(), [this, &world, reply, moment, perform = std::move(perform)] {
      T result = perform();
      tell_of(moment, true);
      if (world.chance(weather_.lost_answer)) return;
      world.after(latency(),
                  [reply, result = std::move(result)]() mutable { reply->answer(std::move(result)); });
    });
  }
  T result = co_await take_reply<T>(std::move(reply));
  world.forget(limit);
  co_return result;
}

Task<Result<Json>> ApiClient::get(kube::Resource resource, std::string namespace_, std::string name) {
  return call<Result<Json>>(
      [this, resource, namespace_, name] { return server_.get(resource, {namespace_, name}); });
}

Task<Result<kube::ListPage>> ApiClient::list(kube::Resource resource, kube::ListOptions options) {
  return call<Result<kube::ListPage>>(
      [this, resource, options] { return Result<kube::ListPage>(server_.list(resource, options)); });
}

Task<Result<std::unique_ptr<kube::WatchStream>>> ApiClient::watch(kube::Resource resource,
                                                                  kube::WatchOptions options) {
  auto watch = std::make_shared<Watch>(process_, weather_);
  watch->resource = resource;
  watch->options = options;
  std::function<Status()> open = [this, resource, options, watch]() -> Status {
    WAN_TRY(const std::vector<Write> missed, server_.since(resource, std::stoll(options.resource_version)));
    for (const Write& write : missed) {
      if (watch->wants(write)) watch->send(write, watch);
    }
    open_->push_back(watch);
    process_.world().after(options.timeout, [weak = std::weak_ptr(watch)] {
      if (const auto live = weak.lock()) live->end(live);
    });
    return {};
  };
  WAN_CO_TRY_VOID(co_await call<Status>(std::move(open)));
  co_return std::make_unique<Stream>(std::move(watch));
}

Task<Result<Json>> ApiClient::create(kube::Resource resource, Json object) {
  return write<Result<Json>>(resource, [this, resource, object = std::move(object)]() mutable {
    return resource == kube::kEvents ? Result<Json>(std::move(object))
                                     : server_.create(actor_, resource, std::move(object));
  });
}

Task<Result<Json>> ApiClient::update(kube::Resource resource, Json object) {
  return write<Result<Json>>(resource, [this, resource, object = std::move(object)]() mutable {
    return server_.update(actor_, resource, std::move(object));
  });
}

Task<Result<Json>> ApiClient::apply(kube::Resource resource, Json object, std::string field_manager,
                                    std::string subresource) {
  if (planted_.ignores_versions && !subresource.empty()) object["metadata"].erase("resourceVersion");
  if (planted_.acknowledges_status_before_writing && !subresource.empty()) {
    process_.world().after(process_.world().between(milliseconds(1), seconds(2)), [=, this] {
      let_be(server_.apply(actor_, resource, object, field_manager, subresource));
    });
    co_return object;
  }
  std::function<Result<Json>()> perform = [=, this, object = std::move(object)]() mutable {
    return server_.apply(actor_, resource, std::move(object), field_manager, subresource);
  };
  co_return co_await write<Result<Json>>(resource, std::move(perform));
}

Task<Result<Json>> ApiClient::merge_patch(kube::Resource resource, std::string namespace_, std::string name,
                                          Json patch) {
  return write<Result<Json>>(resource, [this, resource, namespace_, name, patch] {
    return resource == kube::kEvents ? Result<Json>(patch)
                                     : server_.patch(actor_, resource, {namespace_, name}, patch);
  });
}

Task<Status> ApiClient::remove(kube::Resource resource, std::string namespace_, std::string name,
                               kube::DeleteOptions options) {
  return write<Status>(resource,
                       [this, resource, namespace_, name, uid = planted_.deletes_by_name ? "" : options.uid] {
                         return server_.remove(actor_, resource, {namespace_, name}, uid);
                       });
}

}  // namespace wan::simulation
