#pragma once
// What a serving pod is told at its start.

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "runtime/gallery/authority.h"
#include "runtime/jobs/worker.h"

namespace wan::service {

// Of a file's bytes; called on a thread that may wait. Errors name the field `image` and what is allowed.
using ImageDecoder =
    std::function<Result<std::shared_ptr<const pipeline::InputImage>>(const std::string& bytes)>;

struct Settings {
  std::string address = "127.0.0.1";
  uint16_t port = 8080;            // 0: the kernel chooses
  gallery::Authority authority;    // env WAN_CAPABILITY_PUBLIC_KEY and, as its audience, POD_UID
  std::filesystem::path scratch;   // an existing folder for mp4s on their way
  std::chrono::seconds drain{30};  // how long a running job may go on after SIGTERM
  std::string only_job_uid;        // set in a one-shot pod
  std::chrono::seconds assignment_timeout{600};  // one-shot: how long to wait for the job
  std::filesystem::path termination_log;         // one-shot: where the final JobState goes; "": nowhere
  jobs::Loader loader;
  ImageDecoder decode_image;                             // unset: no job with a picture is taken
  std::chrono::milliseconds heartbeat{5'000};            // of silence on an events stream
  std::chrono::milliseconds progress_interval{250};      // at least, between two of one running job
  std::chrono::milliseconds upload_give_up{5 * 60'000};  // an artifact server that does not take the mp4
  std::chrono::milliseconds telling{10'000};             // one-shot: for a client to be told the end
};

}  // namespace wan::service
