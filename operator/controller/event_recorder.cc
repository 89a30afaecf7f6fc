#include "operator/controller/event_recorder.h"

#include <utility>

#include "base/crypto/hmac.h"
#include "base/crypto/sha256.h"
#include "base/log.h"
#include "operator/kube/api_error.h"

namespace wan::controller {
namespace {

constexpr size_t kMaxPending = 1000;
constexpr size_t kMaxKnown = 4096;
constexpr size_t kMaxNote = 1024;
constexpr std::chrono::minutes kSeriesEnds{6};
constexpr std::chrono::minutes kSeriesRefresh{30};
constexpr std::chrono::minutes kSeriesLook{1};        // how often ended series are looked for
constexpr std::chrono::seconds kSeriesLookAgain{10};  // a storm of events must not look at each
constexpr std::chrono::hours kIdle{1};
// An object that was silent for so long has its whole allowance again.
constexpr std::chrono::hours kAllowanceForgotten{3};

// Cuts between UTF-8 sequences.
std::string cut(std::string text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  text.resize(end);
  return text;
}

std::string identity(const EventNote& note) {
  const std::string separator(1, '\n');
  return sha256_hex(note.uid + separator + note.name + separator + note.type + separator + note.reason +
                    separator + note.action + separator + note.note);
}

std::string unique_suffix() {
  const std::string bytes = random_bytes(8);
  return sha256_hex(bytes).substr(0, 16);
}

}  // namespace

EventRecorder::EventRecorder(asio::any_io_executor executor, kube::Api& api, const Clock& clock,
                             std::string instance, EventSettings settings)
    : api_(api),
      clock_(clock),
      instance_(cut(std::move(instance), 128)),
      settings_(settings),
      wake_(std::move(executor)) {}

void EventRecorder::emit(EventNote note) {
  note.note = cut(std::move(note.note), kMaxNote);
  const SteadyTime now = clock_.steady();
  close_series(now);
  const std::string id = identity(note);
  if (const auto it = known_.find(id); it != known_.end()) {
    Known& known = it->second;
    ++known.count;
    known.last_seen = now;
    known.last_time = clock_.wall();
    if (known.count == 2 || now - known.last_written >= kSeriesRefresh) write_series(known, now);
    return;
  }
  if (!may_emit(note.uid, now)) {
    ++lost_;
    return;
  }
  const std::string name = cut(note.name, 230) + "." + unique_suffix();
  const std::string namespace_ = note.namespace_.empty() ? "default" : note.namespace_;
  if (known_.size() < kMaxKnown) known_.emplace(id, Known{namespace_, name, 1, 1, clock_.wall(), now, now});
  enqueue(Write{new_event(note, name), namespace_, ""});
}

bool EventRecorder::may_emit(const std::string& uid, SteadyTime now) {
  RetrySettings limit;
  limit.per_second = settings_.per_second;
  limit.burst = settings_.burst;
  if (allowances_.size() >= kMaxKnown) allowances_.clear();  // rather a few events too many than memory
  const auto [it, added] = allowances_.try_emplace(uid, Allowance{RetryBucket(limit)});
  it->second.last_used = now;
  return it->second.bucket.try_take(now);
}

// What nobody has repeated for a while is over: its last count is written, and the next one starts anew.
void EventRecorder::close_series(SteadyTime now) {
  if (looked_at_ && now - *looked_at_ < kSeriesLookAgain) return;
  looked_at_ = now;
  for (auto it = known_.begin(); it != known_.end();) {
    Known& known = it->second;
    const bool over = now - known.last_seen > kSeriesEnds;
    if (over && known.count > known.written) write_series(known, now);
    it = over ? known_.erase(it) : std::next(it);
  }
  std::erase_if(allowances_,
                [&](const auto& item) { return now - item.second.last_used > kAllowanceForgotten; });
}

void EventRecorder::write_series(Known& known, SteadyTime now) {
  known.last_written = now;
  known.written = known.count;
  Json patch = Json::object();
  patch["series"]["count"] = known.count;
  patch["series"]["lastObservedTime"] = format_micro_time(known.last_time);
  enqueue(Write{std::move(patch), known.namespace_, known.name});
}

void EventRecorder::enqueue(Write write) {
  if (pending_.size() >= kMaxPending) {
    ++lost_;
    return;
  }
  pending_.push_back(std::move(write));
  wake_.notify();
}

Json EventRecorder::new_event(const EventNote& note, const std::string& name) {
  Json event = Json::object();
  event["apiVersion"] = "events.k8s.io/v1";
  event["kind"] = "Event";
  event["metadata"]["name"] = name;
  event["metadata"]["namespace"] = note.namespace_.empty() ? "default" : note.namespace_;
  event["eventTime"] = format_micro_time(clock_.wall());
  event["reportingController"] = "wan.gallery/wan-operator";
  event["reportingInstance"] = instance_;
  event["type"] = note.type;
  event["reason"] = note.reason;
  event["action"] = note.action.empty() ? "Reconcile" : note.action;
  event["note"] = note.note;
  Json& regarding = event["regarding"];
  regarding["apiVersion"] = note.api_version;
  regarding["kind"] = note.kind;
  if (!note.namespace_.empty()) regarding["namespace"] = note.namespace_;
  regarding["name"] = note.name;
  regarding["uid"] = note.uid;
  return event;
}

Task<void> EventRecorder::run() {
  for (;;) {
    while (!pending_.empty()) {
      Write next = std::move(pending_.front());
      pending_.pop_front();
      const Status written = co_await write_with_retries(std::move(next));
      if (written) continue;
      if (written.error().code == ErrorCode::kCancelled) co_return;
      if (lost_++ % 100 == 0) log::warn("an event is lost: {}", written.error().message);
    }
    const auto woken = co_await wake_.wait(known_.empty() ? kIdle : kSeriesLook);
    if (!woken) co_return;
    close_series(clock_.steady());
  }
}

Task<Status> EventRecorder::write_with_retries(Write write) {
  for (int tries = 1;; ++tries) {
    Write copy = write;
    Status written = co_await this->write(std::move(copy));
    if (written || !kube::is_unavailable(written.error()) || tries >= settings_.tries) co_return written;
    WAN_CO_TRY_VOID(co_await sleep_for(settings_.between_tries));
  }
}

Task<Status> EventRecorder::write(Write write) {
  if (write.series.empty()) {
    const auto created = co_await api_.create(kube::kEvents, std::move(write.object));
    // Ours, from a try whose answer was lost: the name is random.
    if (!created && !kube::is_already_exists(created.error())) co_return fail(created.error());
    co_return Status();
  }
  const auto patched =
      co_await api_.merge_patch(kube::kEvents, write.namespace_, write.series, std::move(write.object));
  if (patched) co_return Status();
  if (!kube::is_not_found(patched.error())) co_return fail(patched.error());
  // Events expire on the server; the next one of this kind starts anew.
  std::erase_if(known_, [&](const auto& item) { return item.second.name == write.series; });
  co_return Status();
}

}  // namespace wan::controller
