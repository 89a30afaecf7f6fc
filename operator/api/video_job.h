#pragma once
// VideoJob: one generation, bounded. The spec's generation fields have the names and meanings of
// `wan-runtime generate -f`.

#include <optional>
#include <string>
#include <vector>

#include "operator/api/boxed.h"
#include "operator/api/conditions.h"
#include "operator/api/kind.h"
#include "operator/api/meta.h"
#include "operator/api/shared.h"

namespace wan::api {

// A model for a pod of the job's own.
struct JobModel {
  std::string name;
  std::string digest;
  std::string profile;
  std::optional<Gpu> gpu;
  std::optional<Placement> placement;
  std::optional<Cache> cache;

  bool operator==(const JobModel&) const = default;
  static const Table<JobModel>& table();
};

// A WanDeployment, of the job's own namespace unless said otherwise.
struct DeploymentRef {
  std::string name;
  std::string namespace_;

  bool operator==(const DeploymentRef&) const = default;
  static const Table<DeploymentRef>& table();
};

struct ImageConfigMap {
  std::string name;
  std::string key;

  bool operator==(const ImageConfigMap&) const = default;
  static const Table<ImageConfigMap>& table();
};

struct ImageUpload {
  std::string sha256;

  bool operator==(const ImageUpload&) const = default;
  static const Table<ImageUpload>& table();
};

struct ImageBucket {
  std::string endpoint;
  std::string bucket;
  std::string region;  // "" means us-east-1
  NameRef secret_ref;
  std::string key;

  bool operator==(const ImageBucket&) const = default;
  static const Table<ImageBucket>& table();
};

// The picture that the video starts from: exactly one of the four.
struct Image {
  std::optional<ImageConfigMap> config_map;
  std::optional<ImageUpload> upload;
  Boxed<ImageBucket> s3;
  std::string url;

  bool operator==(const Image&) const = default;
  static const Table<Image>& table();
};

struct OutputClaim {
  std::string claim_name;
  std::string path;  // "" means NAME.mp4

  bool operator==(const OutputClaim&) const = default;
  static const Table<OutputClaim>& table();
};

struct OutputBucket {
  std::string endpoint;
  std::string bucket;
  std::string region;  // "" means us-east-1
  NameRef secret_ref;
  std::string key;

  bool operator==(const OutputBucket&) const = default;
  static const Table<OutputBucket>& table();
};

// Exactly one of the two.
struct Output {
  std::optional<OutputClaim> pvc;
  Boxed<OutputBucket> s3;

  bool operator==(const Output&) const = default;
  static const Table<Output>& table();
};

// What is kept after the end of a job.
struct Retention {
  int64_t pod_seconds = 600;
  std::optional<int64_t> artifact_seconds;
  std::string on_delete = "Keep";  // or Delete

  bool operator==(const Retention&) const = default;
  static const Table<Retention>& table();
};

struct VideoJobSpec {
  std::optional<DeploymentRef> deployment_ref;
  Boxed<JobModel> model;
  std::string prompt;
  std::optional<std::string> negative_prompt;  // set and empty is not unset
  Boxed<Image> image;
  std::string size;
  std::optional<int> frames;
  std::optional<int> fps;
  std::optional<int> steps;
  std::optional<double> guidance_scale;
  std::optional<double> shift;
  std::string sampler;
  std::optional<int64_t> seed;
  std::string precision;
  Boxed<Output> output;
  int priority = 0;
  int64_t active_deadline_seconds = 3600;
  int64_t queue_deadline_seconds = 86400;
  int backoff_limit = 3;
  bool suspend = false;
  bool cancel = false;
  std::optional<int64_t> ttl_seconds_after_finished;
  Boxed<Retention> retention;

  bool operator==(const VideoJobSpec&) const = default;
  static const Table<VideoJobSpec>& table();
};

struct Assignment {
  std::string pod_name;
  std::string pod_uid;
  int attempt = 0;
  std::optional<WallTime> assigned_at;

  bool operator==(const Assignment&) const = default;
  static const Table<Assignment>& table();
};

struct Progress {
  std::string phase;  // TextEncode Denoise Decode Encode Upload
  int step = 0;
  int steps = 0;
  double percent = 0;
  std::optional<double> seconds_left;

  bool operator==(const Progress&) const = default;
  static const Table<Progress>& table();
};

struct Resolved {
  std::string task;
  std::string prompt;
  std::optional<std::string> negative_prompt;
  std::string image;  // sha256:HEX of its file
  std::string size;
  int frames = 0;
  int fps = 0;
  int steps = 0;
  double guidance_scale = 0;
  double shift = 0;
  std::string sampler;
  int64_t seed = 0;
  std::string precision;

  bool operator==(const Resolved&) const = default;
  static const Table<Resolved>& table();
};

struct VideoResult {
  std::string url;
  std::string sha256;
  int64_t bytes = 0;
  int width = 0;
  int height = 0;
  int frames = 0;
  int fps = 0;
  double duration_seconds = 0;
  std::string codec;
  int64_t seed = 0;
  std::string frames_sha256;
  std::string model_digest;
  std::string numerics_id;

  bool operator==(const VideoResult&) const = default;
  static const Table<VideoResult>& table();
};

// Seconds.
struct Timings {
  std::optional<double> queued;
  std::optional<double> load;
  std::optional<double> text_encode;
  std::optional<double> denoise;
  std::optional<double> decode;
  std::optional<double> encode;
  std::optional<double> upload;

  bool operator==(const Timings&) const = default;
  static const Table<Timings>& table();
};

struct VideoJobStatus {
  int64_t observed_generation = -1;
  std::string phase;
  Boxed<Resolved> resolved;
  Boxed<Assignment> assignment;
  Boxed<Progress> progress;
  Boxed<VideoResult> result;
  Boxed<Timings> timings;
  int attempts = 0;  // attempts begun
  int failures = 0;  // attempts that failed in a way that may be tried again; compared with backoffLimit
  std::optional<WallTime> retry_time;  // no attempt begins before; there only while that is to come
  int64_t suspended_seconds = 0;       // of suspensions that are over
  std::string job_hash;
  std::optional<WallTime> start_time;  // first assignment
  std::optional<WallTime> completion_time;
  std::optional<WallTime> artifact_deletion_time;
  Conditions conditions;

  bool operator==(const VideoJobStatus&) const = default;
  static const Table<VideoJobStatus>& table();
};

struct VideoJob {
  Meta metadata;
  VideoJobSpec spec;
  VideoJobStatus status;
  // An ended job as caches keep it: see trim().
  bool trimmed = false;

  bool operator==(const VideoJob&) const = default;
};

// True for Succeeded, Failed and Cancelled.
[[nodiscard]] bool is_finished(const VideoJobStatus& status);

// Leaves of a job that has ended what is still looked at: whose it is, how it ended, what its clean-up needs,
// what it teaches about the next. Its status can't be written again from this: who wants to reads the object
// first.
void trim(VideoJob& job);

template <>
const KindInfo& kind_info<VideoJob>();
template <>
Result<VideoJob> from_json<VideoJob>(const Json& object);
[[nodiscard]] Json to_json(const VideoJobSpec& spec);
[[nodiscard]] Json to_json(const VideoJobStatus& status);

}  // namespace wan::api
