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
  return note.uid + separator + note.name + separator + note.type + separator + note.reason + separator +
         note.action + separator + note.note;
}

std::string unique_suffix() {
  const std::string bytes = random_bytes(8);
  return sha256_hex(bytes).substr(0, 16);
}

}  // namespace

EventRecorder::EventRecorder(asio::any_io_executor executor, kube::Api& api, const Clock& clock,
                             std::string instance)
    : api_(api), clock_(clock), instance_(cut(std::move(instance), 128)), wake_(std::move(executor)) {}

void EventRecorder::emit(EventNote note) {
  note.note = cut(std::move(note.note), kMaxNote);
  const SteadyTime now = clock_.steady();
  drop_old(now);
  const std::string id = identity(note);
  if (const auto it = known_.find(id); it != known_.end()) {
    Known& known = it->second;
    ++known.count;
    known.last_seen = now;
    if (known.count > 2 && now - known.last_written < kSeriesRefresh) return;
    known.last_written = now;
    enqueue(Write{Json(), id});
    return;
  }
  const std::string name = cut(note.name, 230) + "." + unique_suffix();
  const std::string namespace_ = note.namespace_.empty() ? "default" : note.namespace_;
  if (known_.size() < kMaxKnown) known_.emplace(id, Known{namespace_, name, 1, now, now});
  enqueue(Write{new_event(note, name), id});
}

void EventRecorder::drop_old(SteadyTime now) {
  std::erase_if(known_, [now](const auto& item) { return now - item.second.last_seen > kSeriesEnds; });
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
      const Status written = co_await write(std::move(next));
      if (written) continue;
      if (written.error().code == ErrorCode::kCancelled) co_return;
      if (lost_++ % 100 == 0) log::warn("an event is lost: {}", written.error().message);
    }
    const auto woken = co_await wake_.wait(std::chrono::hours(1));
    if (!woken) co_return;
  }
}

Task<Status> EventRecorder::write(Write write) {
  if (!write.object.is_null()) {
    WAN_CO_TRY_VOID(co_await api_.create(kube::kEvents, std::move(write.object)));
    co_return Status();
  }
  const auto it = known_.find(write.known);
  if (it == known_.end()) co_return Status();
  Json patch = Json::object();
  patch["series"]["count"] = it->second.count;
  patch["series"]["lastObservedTime"] = format_micro_time(clock_.wall());
  const std::string namespace_ = it->second.namespace_;
  const std::string name = it->second.name;
  auto patched = co_await api_.merge_patch(kube::kEvents, namespace_, name, std::move(patch));
  // Events expire on the server; the next one of this kind starts anew.
  if (!patched && kube::is_not_found(patched.error())) {
    known_.erase(write.known);
    co_return Status();
  }
  WAN_CO_TRY_VOID(std::move(patched));
  co_return Status();
}

}  // namespace wan::controller
