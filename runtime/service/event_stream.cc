#include "runtime/service/event_stream.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace wan::service {
struct EventHub::Client {
  explicit Client(const asio::any_io_executor& executor) : notify(executor) {}
  struct Sent {
    uint64_t revision = 0;
    SteadyTime at{};
  };
  Notify notify;
  Json status;  // as last sent
  std::map<std::string, Sent> jobs;
  std::vector<std::string> finals;  // job uids whose final state is in the text being written
  SteadyTime quiet_since = std::chrono::steady_clock::now();
  std::optional<SteadyTime> withheld_until;  // progress that came too soon after the last
};

EventHub::EventHub(asio::any_io_executor executor, const JobRunner& runner, const Settings& settings)
    : executor_(std::move(executor)), runner_(runner), settings_(settings) {}

void EventHub::notify() {
  for (Client* client : clients_) client->notify.notify();
}

void EventHub::close() {
  closed_ = true;
  notify();
}

// The lines that this client has not been sent yet.
std::string EventHub::collect(Client& client) {
  std::string lines;
  const auto now = std::chrono::steady_clock::now();
  Json status = to_json(runner_.status(), runner_.table().unfinished());
  // Step times change with every step; alone they are no news.
  Json news = status;
  news.erase("secondsPerStep");
  if (news != client.status) {
    client.status = std::move(news);
    lines += to_text({{"type", "STATUS"}, {"status", std::move(status)}}) + "\n";
  }
  client.withheld_until.reset();
  client.finals.clear();
  for (const jobs::Entry* entry : runner_.table().in_order()) {
    Client::Sent& sent = client.jobs[entry->state.uid];
    if (sent.revision >= entry->revision) continue;
    const bool phase_is_new = sent.revision < entry->phase_revision;
    const SteadyTime due = sent.at + settings_.progress_interval;
    if (!phase_is_new && now < due) {
      client.withheld_until = std::min(due, client.withheld_until.value_or(due));
      continue;
    }
    sent = {entry->revision, now};
    lines += to_text({{"type", "JOB"}, {"job", jobs::to_json(entry->state)}}) + "\n";
    if (is_finished(entry->state.phase)) client.finals.push_back(entry->state.uid);
  }
  if (lines.empty() && now - client.quiet_since >= settings_.heartbeat) lines = "{\"type\":\"HEARTBEAT\"}\n";
  forget_old_jobs(client);
  return lines;
}

// The table forgets finished jobs some time; so does what is kept about them here.
void EventHub::forget_old_jobs(Client& client) {
  const auto is_forgotten = [this](const std::string& uid) { return runner_.table().find(uid) == nullptr; };
  std::erase_if(client.jobs, [&](const auto& sent) { return is_forgotten(sent.first); });
  std::erase_if(delivered_, is_forgotten);
}

Task<void> EventHub::serve(net::ResponseWriter& writer) {
  Client client(executor_);
  const auto place = clients_.insert(clients_.end(), &client);
  net::Headers headers;
  headers.set("Content-Type", "application/x-ndjson");
  Status sent = co_await writer.start_stream(200, headers);
  while (sent) {
    std::string lines = collect(client);
    if (!lines.empty()) {
      sent = co_await writer.write(std::move(lines));
      if (!sent) break;
      client.quiet_since = std::chrono::steady_clock::now();
      delivered_.insert(client.finals.begin(), client.finals.end());
    }
    if (closed_) break;
    const SteadyTime beat = client.quiet_since + settings_.heartbeat;
    const SteadyTime next = std::min(beat, client.withheld_until.value_or(beat));
    const Result<bool> woken = co_await client.notify.wait(next - std::chrono::steady_clock::now());
    if (!woken) break;
  }
  clients_.erase(place);
}

}  // namespace wan::service
