#pragma once
// What the operator hands to a pod: the body of PUT /v1/jobs/{uid} as a value.

#include <cstdint>
#include <string>

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/pipeline/generation.h"

namespace wan::jobs {

struct ArtifactTarget {
  std::string url;    // where the mp4 is put; no credentials in it
  std::string token;  // capability "artifact:write" for that path; never logged or shown
};

// Where a picture's file is, if not in the request itself.
struct ImageSource {
  std::string url;     // of a blob at an artifact server; "": nowhere
  std::string token;   // capability "artifact:read" for it; never logged or shown
  std::string sha256;  // "sha256:HEX"
};

struct JobRequest {
  std::string uid;
  std::string namespace_;
  std::string name;
  std::string pod_uid;       // the pod this request is meant for
  int attempt = 1;           // from 1
  std::string epoch;         // decimal; "" counts as older than any
  std::string image;         // bytes of a picture's file, of which spec.image is still to be made; "": none
  ImageSource image_source;  // in place of `image`
  pipeline::GenerationSpec spec;
  int64_t active_deadline_seconds = 0;  // 0: none
  ArtifactTarget artifact;
};

// Every error names the field, its value and what is allowed.
[[nodiscard]] Result<JobRequest> job_request_from_json(const Json& body);

}  // namespace wan::jobs
