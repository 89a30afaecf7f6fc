#pragma once
// What an account has written, as the API server's audit log has it, and the same again by a bare client.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "base/json/json.h"

namespace wan::bench {

struct Write {
  bool is_status = false;  // a status by server-side apply; else a new event
  Json object;
};

struct Writes {
  std::map<std::string, std::vector<Write>> by_job;  // by name, in order
  size_t count = 0;                                  // of all that changed something
};

class AuditLog {
 public:
  explicit AuditLog(std::filesystem::path file) : file_(std::move(file)) {}
  // From here on.
  void begin();
  // Of the VideoJobs of one namespace, since begin().
  [[nodiscard]] Result<Writes> writes(const std::string& namespace_) const;

 private:
  std::filesystem::path file_;
  std::streamoff begin_ = 0;
};

}  // namespace wan::bench
