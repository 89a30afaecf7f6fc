#include "operator/api/conditions.h"

#include <algorithm>

#include "operator/api/codec.h"

namespace wan::api {
namespace {

// The API allows 32768 bytes; a status is read by people and kept in every cache.
constexpr size_t kMaxMessage = 1024;

std::string shortened(std::string message) {
  if (message.size() <= kMaxMessage) return message;
  size_t end = kMaxMessage - 3;
  while (end > 0 && (static_cast<unsigned char>(message[end]) & 0xC0) == 0x80) --end;
  message.resize(end);
  return message + "...";
}

void mark(Conditions& conditions, const char* type, const char* status, const Verdict& verdict,
          int64_t generation, WallTime now) {
  set_condition(conditions,
                {.type = type,
                 .status = status,
                 .observed_generation = generation,
                 .reason = verdict.reason,
                 .message = verdict.message},
                now);
}

}  // namespace

const Table<Condition>& Condition::table() {
  static const Table<Condition> table =
      Table<Condition>()
          .add("type", &Condition::type,
               {.text = "Ready, Reconciling, Stalled or Succeeded. Reconciling and Stalled are there only "
                        "while true.",
                .required = true,
                .max_length = 316})
          .add("status", &Condition::status,
               {.text = "True, False or Unknown.",
                .required = true,
                .max_length = 16,
                .values = {"True", "False", "Unknown"}})
          .add("observedGeneration", &Condition::observed_generation,
               {.text = "metadata.generation that this was decided for."})
          .add("lastTransitionTime", &Condition::last_transition_time,
               {.text = "When status last changed.", .required = true})
          .add("reason", &Condition::reason,
               {.text = "Why, as one word for programs.", .required = true, .max_length = 1024})
          .add("message", &Condition::message, {.text = "Why, in words.", .max_length = 32768});
  return table;
}

const Condition* find_condition(const Conditions& conditions, std::string_view type) {
  const auto found = std::ranges::find(conditions, type, &Condition::type);
  return found == conditions.end() ? nullptr : &*found;
}

bool is_true(const Conditions& conditions, std::string_view type) {
  const Condition* condition = find_condition(conditions, type);
  return condition && condition->status == "True";
}

void set_condition(Conditions& conditions, Condition condition, WallTime now) {
  condition.message = shortened(std::move(condition.message));
  const auto found = std::ranges::find(conditions, condition.type, &Condition::type);
  const bool same = found != conditions.end() && found->status == condition.status;
  condition.last_transition_time = std::chrono::floor<std::chrono::seconds>(now);
  if (same && found->last_transition_time) condition.last_transition_time = found->last_transition_time;
  if (found == conditions.end()) {
    conditions.push_back(std::move(condition));
  } else {
    *found = std::move(condition);
  }
}

void remove_condition(Conditions& conditions, std::string_view type) {
  std::erase_if(conditions, [type](const Condition& condition) { return condition.type == type; });
}

void mark_ready(Conditions& conditions, const Verdict& verdict, int64_t generation, WallTime now) {
  mark(conditions, kReady, "True", verdict, generation, now);
  remove_condition(conditions, kReconciling);
  remove_condition(conditions, kStalled);
}

void mark_reconciling(Conditions& conditions, const Verdict& verdict, int64_t generation, WallTime now) {
  mark(conditions, kReady, "False", verdict, generation, now);
  mark(conditions, kReconciling, "True", verdict, generation, now);
  remove_condition(conditions, kStalled);
}

void mark_stalled(Conditions& conditions, const Verdict& verdict, int64_t generation, WallTime now) {
  mark(conditions, kReady, "False", verdict, generation, now);
  mark(conditions, kStalled, "True", verdict, generation, now);
  remove_condition(conditions, kReconciling);
}

}  // namespace wan::api
