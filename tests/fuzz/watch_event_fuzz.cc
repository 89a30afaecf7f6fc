#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/net/line_decoder.h"
#include "operator/api/gallery_model.h"
#include "operator/api/pod.h"
#include "operator/api/video_job.h"
#include "operator/api/wan_deployment.h"
#include "operator/api/workloads.h"
#include "operator/kube/api_error.h"
#include "operator/kube/exec_plugin.h"
#include "operator/kube/watch_event.h"

namespace {

constexpr size_t kMaxLine = 1u << 16;

template <class T>
void read_as(const wan::Json& object) {
  const auto value = wan::api::from_json<T>(object);
  static_cast<void>(value);
}

void read(const std::string& line) {
  if (line.empty() || line.find('\n') != std::string::npos || line.size() > kMaxLine) __builtin_trap();
  const auto credential = wan::kube::parse_exec_credential(line, "client.authentication.k8s.io/v1");
  static_cast<void>(credential);
  const auto event = wan::kube::parse_watch_event(line);
  if (!event) return;
  if (!event->object.is_object()) __builtin_trap();
  static_cast<void>(wan::kube::is_initial_events_end(*event));
  static_cast<void>(wan::kube::status_error(event->object, "watch"));
  read_as<wan::api::GalleryModel>(event->object);
  read_as<wan::api::WanDeployment>(event->object);
  read_as<wan::api::VideoJob>(event->object);
  read_as<wan::api::Pod>(event->object);
  read_as<wan::api::Deployment>(event->object);
  read_as<wan::api::Service>(event->object);
  read_as<wan::api::Job>(event->object);
}

}  // namespace

// A watch as the network cuts it: the first byte says into pieces of which size. However it is cut, the lines
// are the same, and no line makes a reader crash.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t piece = static_cast<size_t>(data[0]) + 1;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  wan::net::LineDecoder whole(kMaxLine);
  wan::net::LineDecoder cut(kMaxLine);
  const auto expected = whole.feed(bytes);
  std::vector<std::string> lines;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    auto more = cut.feed(bytes.substr(at, piece));
    if (!more) return 0;
    for (std::string& line : *more) {
      read(line);
      lines.push_back(std::move(line));
    }
  }
  if (expected && lines != *expected) __builtin_trap();
  return 0;
}
