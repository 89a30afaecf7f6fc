#pragma once
// What a serving pod is told at its start.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "runtime/jobs/worker.h"

namespace wan::service {

struct Settings {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;            // 0: the kernel chooses
  std::string pod_uid;             // env POD_UID; the audience of capabilities
  std::string public_key_base64;   // env WAN_CAPABILITY_PUBLIC_KEY; "": no checks, loopback only
  std::filesystem::path scratch;   // an existing folder for mp4s on their way
  std::chrono::seconds drain{30};  // how long a running job may go on after SIGTERM
  std::string only_job_uid;        // set in a one-shot pod
  std::chrono::seconds assignment_timeout{600};  // one-shot: how long to wait for the job
  std::filesystem::path termination_log;         // one-shot: where the final JobState goes; "": nowhere
  jobs::Loader loader;
};

}  // namespace wan::service
