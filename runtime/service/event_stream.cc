#include "runtime/service/event_stream.h"

#include <utility>
#include <vector>

namespace wan::service {
namespace {

using namespace std::chrono_literals;

constexpr auto kHeartbeat = 5000ms;
constexpr auto kProgressInterval = 250ms;

}  // namespace

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
  bool progress_withheld = false;
};

EventHub::EventHub(asio::any_io_executor executor, const JobRunner& runner)
    : executor_(std::move(executor)), runner_(runner) {}

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
    lines += Json{{"type", "STATUS"}, {"status", std::move(status)}}.dump() + "\n";
  }
  client.progress_withheld = false;
  client.finals.clear();
  for (const jobs::Entry* entry : runner_.table().in_order()) {
    Client::Sent& sent = client.jobs[entry->state.uid];
    if (sent.revision >= entry->revision) continue;
    const bool phase_is_new = sent.revision < entry->phase_revision;
    if (!phase_is_new && now - sent.at < kProgressInterval) {
      client.progress_withheld = true;
      continue;
    }
    sent = {entry->revision, now};
    lines += Json{{"type", "JOB"}, {"job", jobs::to_json(entry->state)}}.dump() + "\n";
    if (is_finished(entry->state.phase)) client.finals.push_back(entry->state.uid);
  }
  return lines;
}

std::chrono::milliseconds EventHub::patience(const Client& client) const {
  return client.progress_withheld ? kProgressInterval : kHeartbeat;
}

Task<void> EventHub::serve(net::ResponseWriter& writer) {
  Client client(executor_);
  const auto place = clients_.insert(clients_.end(), &client);
  net::Headers headers;
  headers.set("Content-Type", "application/x-ndjson");
  Status sent = co_await writer.start_stream(200, headers);
  bool quiet = false;
  while (sent) {
    std::string lines = collect(client);
    if (lines.empty() && quiet && !client.progress_withheld) lines = "{\"type\":\"HEARTBEAT\"}\n";
    if (!lines.empty()) {
      sent = co_await writer.write(std::move(lines));
      if (!sent) break;
      for (const std::string& uid : client.finals) delivered_.insert(uid);
    }
    if (closed_) break;
    const Result<bool> woken = co_await client.notify.wait(patience(client));
    if (!woken) break;
    quiet = !*woken;
  }
  clients_.erase(place);
}

}  // namespace wan::service
