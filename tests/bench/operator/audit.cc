#include "tests/bench/operator/audit.h"

#include <fstream>

namespace wan::bench {
namespace {

bool succeeded(const Json& line) { return int_or(line, {"responseStatus", "code"}, 0) / 100 == 2; }

void note(const Json& line, const std::string& namespace_, Writes& writes) {
  const std::string resource = string_or(line, {"objectRef", "resource"}, "");
  const Json* object = find(line, {"requestObject"});
  if (!succeeded(line) || string_or(line, {"objectRef", "namespace"}, "") != namespace_) return;
  ++writes.count;
  if (object == nullptr) return;
  if (resource == "videojobs" && string_or(line, {"objectRef", "subresource"}, "") == "status") {
    writes.by_job[string_or(line, {"objectRef", "name"}, "")].push_back(Write{true, *object});
  } else if (resource == "events" && string_or(line, {"verb"}, "") == "create") {
    writes.by_job[string_or(*object, {"regarding", "name"}, "")].push_back(Write{false, *object});
  }
}

}  // namespace

void AuditLog::begin() {
  std::ifstream stream(file_, std::ios::ate);
  begin_ = stream.is_open() ? static_cast<std::streamoff>(stream.tellg()) : 0;
}

Result<Writes> AuditLog::writes(const std::string& namespace_) const {
  std::ifstream stream(file_);
  if (!stream.is_open()) return fail(not_found("the audit log " + file_.string() + " is not there"));
  stream.seekg(begin_);
  Writes writes;
  for (std::string text; std::getline(stream, text);) {
    WAN_TRY(const Json line, parse_json(text));
    note(line, namespace_, writes);
  }
  return writes;
}

}  // namespace wan::bench
