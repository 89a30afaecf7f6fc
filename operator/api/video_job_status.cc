#include "operator/api/codec.h"
#include "operator/api/reasons.h"
#include "operator/api/video_job.h"

namespace wan::api {

const Table<Assignment>& Assignment::table() {
  static const Table<Assignment> table =
      Table<Assignment>()
          .add("podName", &Assignment::pod_name, {.text = "Pod that makes the video."})
          .add("podUID", &Assignment::pod_uid, {.text = "UID of that pod."})
          .add("attempt", &Assignment::attempt, {.text = "Number of the attempt, from 1."})
          .add("assignedAt", &Assignment::assigned_at, {.text = "When the pod was chosen."});
  return table;
}

const Table<Progress>& Progress::table() {
  static const Table<Progress> table =
      Table<Progress>()
          .add("phase", &Progress::phase,
               {.text = "What the pod is doing: TextEncode, Denoise, Decode, Encode or Upload."})
          .add("step", &Progress::step, {.text = "Steps done in this phase."})
          .add("steps", &Progress::steps, {.text = "Steps of this phase."})
          .add("percent", &Progress::percent, {.text = "How much of the whole job is done, 0 to 100."})
          .add("secondsLeft", &Progress::seconds_left, {.text = "Estimate of the time that is left."});
  return table;
}

const Table<Resolved>& Resolved::table() {
  static const Table<Resolved> table =
      Table<Resolved>()
          .add("task", &Resolved::task, {.text = "text-to-video or image-to-video."})
          .add("prompt", &Resolved::prompt, {.text = "The prompt."})
          .add("negativePrompt", &Resolved::negative_prompt, {.text = "The negative prompt."})
          .add("image", &Resolved::image, {.text = "Digest of the picture that the video starts from."})
          .add("size", &Resolved::size, {.text = "Frame size, WIDTHxHEIGHT."})
          .add("frames", &Resolved::frames, {.text = "Number of frames."})
          .add("fps", &Resolved::fps, {.text = "Frames per second."})
          .add("steps", &Resolved::steps, {.text = "Denoising steps."})
          .add("guidanceScale", &Resolved::guidance_scale, {.text = "Guidance scale."})
          .add("shift", &Resolved::shift, {.text = "Shift of the noise schedule."})
          .add("sampler", &Resolved::sampler, {.text = "The solver."})
          .add("seed", &Resolved::seed, {.text = "Seed of the noise."})
          .add("precision", &Resolved::precision, {.text = "Number format of the computation."});
  return table;
}

const Table<VideoResult>& VideoResult::table() {
  static const Table<VideoResult> table =
      Table<VideoResult>()
          .add("url", &VideoResult::url,
               {.text = "Where the video is: its address at the artifact server, or s3://BUCKET/KEY."})
          .add("sha256", &VideoResult::sha256, {.text = "Digest of the mp4 file."})
          .add("bytes", &VideoResult::bytes, {.text = "Size of the mp4 file."})
          .add("width", &VideoResult::width, {.text = "Width of a frame in pixels."})
          .add("height", &VideoResult::height, {.text = "Height of a frame in pixels."})
          .add("frames", &VideoResult::frames, {.text = "Number of frames."})
          .add("fps", &VideoResult::fps, {.text = "Frames per second."})
          .add("durationSeconds", &VideoResult::duration_seconds, {.text = "Length of the video."})
          .add("codec", &VideoResult::codec, {.text = "Codec of the video stream."})
          .add("seed", &VideoResult::seed, {.text = "Seed of the noise."})
          .add("framesSha256", &VideoResult::frames_sha256,
               {.text = "Digest of the frames before encoding; the same for another encoder."})
          .add("modelDigest", &VideoResult::model_digest,
               {.text = "Manifest digest of the model that made it."})
          .add("numericsId", &VideoResult::numerics_id,
               {.text = "Digest of the numerics plan: equal ids give the same bytes."});
  return table;
}

const Table<Timings>& Timings::table() {
  static const Table<Timings> table =
      Table<Timings>()
          .add("queued", &Timings::queued, {.text = "Seconds in the pod's queue."})
          .add("load", &Timings::load, {.text = "Seconds of loading the model."})
          .add("textEncode", &Timings::text_encode, {.text = "Seconds of encoding the prompts."})
          .add("denoise", &Timings::denoise, {.text = "Seconds of denoising."})
          .add("decode", &Timings::decode, {.text = "Seconds from latents to frames."})
          .add("encode", &Timings::encode, {.text = "Seconds from frames to mp4."})
          .add("upload", &Timings::upload, {.text = "Seconds of storing the mp4."});
  return table;
}

const Table<VideoJobStatus>& VideoJobStatus::table() {
  using namespace job_phase;
  static const Table<VideoJobStatus> table =
      Table<VideoJobStatus>()
          .add("observedGeneration", &VideoJobStatus::observed_generation,
               {.text = "metadata.generation that this status is about; -1 before the operator first looked.",
                .defaulted = true})
          .add("phase", &VideoJobStatus::phase,
               {.text = "In one word: Pending, Queued, Running, Succeeded, Failed, Cancelled or Suspended.",
                .values = {kPending, kQueued, kRunning, job_phase::kSucceeded, kFailed, kCancelled,
                           job_phase::kSuspended}})
          .add("resolved", &VideoJobStatus::resolved, {.text = "The values actually used."})
          .add("assignment", &VideoJobStatus::assignment,
               {.text = "Which pod makes the video; written before the pod is asked."})
          .add("progress", &VideoJobStatus::progress, {.text = "How far the pod is."})
          .add("result", &VideoJobStatus::result, {.text = "The video."})
          .add("timings", &VideoJobStatus::timings, {.text = "Seconds that each part took."})
          .add("attempts", &VideoJobStatus::attempts, {.text = "Attempts begun."})
          .add("failures", &VideoJobStatus::failures,
               {.text = "Attempts that failed and may be tried again, compared with spec.backoffLimit."})
          .add("retryTime", &VideoJobStatus::retry_time,
               {.text = "When the next attempt may begin, while the job pauses after one that failed."})
          .add("suspendedSeconds", &VideoJobStatus::suspended_seconds,
               {.text = "Time that the job was suspended, which its deadlines do not count."})
          .add("jobHash", &VideoJobStatus::job_hash,
               {.text = "Digest of the resolved generation: equal hashes are the same video."})
          .add("startTime", &VideoJobStatus::start_time, {.text = "When a pod was first chosen."})
          .add("completionTime", &VideoJobStatus::completion_time,
               {.text = "When the job ended, in whatever way."})
          .add("artifactDeletionTime", &VideoJobStatus::artifact_deletion_time,
               {.text = "When the video was taken out of its store, as spec.retention.artifactSeconds asks."})
          .add("conditions", &VideoJobStatus::conditions,
               {.text = "Succeeded: the video is there. Ready: the job is as its spec asks. Reconciling: on "
                        "the way, "
                        "and why not there yet. Stalled: it failed or cannot go on, and why. Suspended: "
                        "spec.suspend holds it.",
                .list_type = "map",
                .list_keys = {"type"}});
  return table;
}

}  // namespace wan::api
