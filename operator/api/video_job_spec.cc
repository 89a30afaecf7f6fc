#include "operator/api/bucket_fields.h"
#include "operator/api/codec.h"
#include "operator/api/limits.h"
#include "operator/api/video_job.h"

namespace wan::api {

const Table<JobModel>& JobModel::table() {
  static const Table<JobModel> table =
      Table<JobModel>()
          .add("name", &JobModel::name,
               {.text = "Name of a GalleryModel.",
                .required = true,
                .min_length = 1,
                .max_length = 253,
                .rules = {object_name_rule()}})
          .add("digest", &JobModel::digest,
               {.text =
                    "Manifest digest that the model must have, sha256:HEX. Unset takes the GalleryModel's.",
                .max_length = 71,
                .rules = {digest_rule()}})
          .add("profile", &JobModel::profile,
               {.text = "Name of one of the model's profiles. Unset takes the first.",
                .max_length = 63,
                .rules = {label_name_rule()}})
          .add("gpu", &JobModel::gpu, {.text = "Overrides the profile's GPUs."})
          .add("placement", &JobModel::placement, {.text = "Where the pod may run."})
          .add(
              "cache", &JobModel::cache,
              {.text =
                   "Where the pod keeps the weights. Unset keeps them on the node's disk, as long as the pod "
                   "lives."});
  return table;
}

const Table<DeploymentRef>& DeploymentRef::table() {
  static const Table<DeploymentRef> table =
      Table<DeploymentRef>()
          .add("name", &DeploymentRef::name,
               {.text = "Name of a WanDeployment.",
                .required = true,
                .min_length = 1,
                .max_length = 253,
                .rules = {object_name_rule()}})
          .add("namespace", &DeploymentRef::namespace_,
               {.text =
                    "Its namespace, if that is not the job's own; its spec.allowedNamespaces must admit the "
                    "job's, and output is then required.",
                .max_length = 63,
                .rules = {label_name_rule()}});
  return table;
}

const Table<ImageConfigMap>& ImageConfigMap::table() {
  static const Table<ImageConfigMap> table =
      Table<ImageConfigMap>()
          .add("name", &ImageConfigMap::name,
               {.text = "Name of a ConfigMap of the job's namespace.",
                .required = true,
                .min_length = 1,
                .max_length = 253,
                .rules = {object_name_rule()}})
          .add("key", &ImageConfigMap::key,
               {.text = "Key of its binaryData: a PNG, JPEG or WebP, as `kubectl create configmap NAME "
                        "--from-file=KEY=FILE` puts it there.",
                .required = true,
                .min_length = 1,
                .max_length = 253,
                .rules = {{"self.matches('^[-._a-zA-Z0-9]+$')",
                           "must be a key of a ConfigMap: letters, digits, '-', '_' and '.'"}}});
  return table;
}

const Table<ImageUpload>& ImageUpload::table() {
  static const Table<ImageUpload> table =
      Table<ImageUpload>().add("sha256", &ImageUpload::sha256,
                               {.text = "Its digest, sha256:HEX, as `wan-gallery artifacts put` prints it.",
                                .required = true,
                                .max_length = 71,
                                .rules = {digest_rule()}});
  return table;
}

const Table<ImageBucket>& ImageBucket::table() {
  static const Table<ImageBucket> table =
      bucket_fields<ImageBucket>().add("key", &ImageBucket::key,
                                       {.text = "Key of the picture in the bucket.",
                                        .required = true,
                                        .min_length = 1,
                                        .max_length = 512,
                                        .rules = {object_key_rule()}});
  return table;
}

const Table<Image>& Image::table() {
  static const Table<Image> table =
      Table<Image>()
          .add("configMap", &Image::config_map, {.text = "In a ConfigMap, which holds up to 1 MiB."})
          .add("upload", &Image::upload,
               {.text = "In the store that the video goes to, put there before the job was made."})
          .add("s3", &Image::s3, {.text = "In a bucket, which is only read. Up to 32 MiB."})
          .add("url", &Image::url,
               {.text = "At an address that anybody can reach, up to 32 MiB. It is fetched once, and kept in "
                        "the store that the video goes to. A signed address can be read by all who can read "
                        "this object.",
                .max_length = 2048,
                .rules = {file_url_rule()}})
          .rule(
              "[has(self.configMap), has(self.upload), has(self.s3), has(self.url)].filter(x, x).size() == 1",
              "image must say where it is, by exactly one of configMap, upload, s3 and url");
  return table;
}

const Table<OutputClaim>& OutputClaim::table() {
  static const Table<OutputClaim> table =
      Table<OutputClaim>()
          .add("claimName", &OutputClaim::claim_name,
               {.text = "Name of a PersistentVolumeClaim of the job's namespace. ReadWriteOnce is enough.",
                .required = true,
                .min_length = 1,
                .max_length = 253,
                .rules = {object_name_rule()}})
          .add("path", &OutputClaim::path,
               {.text = "Where the video goes inside the claim. Unset means NAME.mp4 at its top. A file that "
                        "is there "
                        "already is never overwritten.",
                .min_length = 1,
                .max_length = 512,
                .rules = {artifact_path_rule()}});
  return table;
}

const Table<OutputBucket>& OutputBucket::table() {
  static const Table<OutputBucket> table = bucket_fields<OutputBucket>().add(
      "key", &OutputBucket::key,
      {.text = "Key of the video in the bucket. An object that is there already is never overwritten.",
       .required = true,
       .min_length = 1,
       .max_length = 512,
       .rules = {artifact_path_rule()}});
  return table;
}

const Table<Output>& Output::table() {
  static const Table<Output> table =
      Table<Output>()
          .add("pvc", &Output::pvc, {.text = "A claim."})
          .add("s3", &Output::s3, {.text = "A bucket."})
          .rule("has(self.pvc) != has(self.s3)", "output must name a store, exactly one of pvc and s3");
  return table;
}

const Table<Retention>& Retention::table() {
  static const Table<Retention> table =
      Table<Retention>()
          .add("podSeconds", &Retention::pod_seconds,
               {.text =
                    "How long the pods of a job with spec.model, and so their logs, are kept after its end.",
                .defaulted = true,
                .minimum = 0,
                .maximum = 31536000})
          .add("artifactSeconds", &Retention::artifact_seconds,
               {.text = "When the video is taken out of its store after the end of the job. Unset keeps it.",
                .minimum = 0,
                .maximum = 315360000})
          .add("onDelete", &Retention::on_delete,
               {.text = "Whether the video goes with its VideoJob: Keep or Delete. A video that cannot be "
                        "taken away within ten minutes stays, with a Warning.",
                .defaulted = true,
                .max_length = 6,
                .values = {"Keep", "Delete"}});
  return table;
}

const Table<VideoJobSpec>& VideoJobSpec::table() {
  static const Table<VideoJobSpec> table =
      Table<VideoJobSpec>()
          .add("deploymentRef", &VideoJobSpec::deployment_ref,
               {.text = "A WanDeployment that makes the video.", .immutable = true})
          .add("model", &VideoJobSpec::model,
               {.text = "A model for a pod of the job's own, which ends with it.", .immutable = true})
          .add("prompt", &VideoJobSpec::prompt,
               {.text = "What the video shows. May be empty.",
                .required = true,
                .immutable = true,
                .max_length = 4096})
          .add("negativePrompt", &VideoJobSpec::negative_prompt,
               {.text = "What the video must not show. Unset takes the model's own; empty is none.",
                .immutable = true,
                .max_length = 4096})
          .add("image", &VideoJobSpec::image,
               {.text = "The picture that the video starts from, for models that make videos from images.",
                .immutable = true})
          .add("size", &VideoJobSpec::size,
               {.text = "Frame size WIDTHxHEIGHT, multiples of 16. Unset takes the model's own.",
                .immutable = true,
                .max_length = 9,
                .rules = {size_rule()}})
          .add("frames", &VideoJobSpec::frames,
               {.text = "Number of frames, 4n+1 from 1 to 1025. Unset takes the model's own.",
                .immutable = true,
                .minimum = 1,
                .maximum = 1025,
                .rules = {{"self % 4 == 1", "must be 4n+1 from 1 to 1025, such as 17 or 81"}}})
          .add("fps", &VideoJobSpec::fps,
               {.text = "Frames per second of the mp4, 1 to 120. Unset takes the model's own.",
                .immutable = true,
                .minimum = 1,
                .maximum = 120})
          .add("steps", &VideoJobSpec::steps,
               {.text = "Denoising steps, 1 to 1000. Unset takes the model's own.",
                .immutable = true,
                .minimum = 1,
                .maximum = 1000})
          .add("guidanceScale", &VideoJobSpec::guidance_scale,
               {.text = "How strongly the prompt leads, 0 to 100. Unset takes the model's own.",
                .immutable = true,
                .minimum = 0,
                .maximum = 100})
          .add("shift", &VideoJobSpec::shift,
               {.text = "Shift of the noise schedule, 0.01 to 100. Unset takes the model's own.",
                .immutable = true,
                .maximum = 100,
                // A schema's fractional minimum is cut to an integer where the value is one.
                .rules = {{"self >= 0.01", "must be from 0.01 to 100"}}})
          .add(
              "sampler", &VideoJobSpec::sampler,
              {.text =
                   "The solver and its noise levels. unipc, dpm++: as the official programs; euler: Euler on "
                   "the levels of dpm++; diffusers-unipc, diffusers-euler: the schedules of diffusers. Unset "
                   "takes the model's own.",
               .immutable = true,
               .max_length = 32,
               .values = {"unipc", "dpm++", "euler", "diffusers-unipc", "diffusers-euler"}})
          .add("seed", &VideoJobSpec::seed,
               {.text =
                    "Seed of the noise, 0 to 4294967295. Unset derives one from namespace, name and inputs: "
                    "applying the same manifest again finds the same video.",
                .immutable = true,
                .minimum = 0,
                .maximum = 4294967295.0})
          .add("precision", &VideoJobSpec::precision,
               {.text = "Number format of the matrices, for a job with spec.model: auto, fp32 or bf16. Unset "
                        "takes the profile's, as a served model always does.",
                .immutable = true,
                .max_length = 16,
                .values = {"auto", "fp32", "bf16"}})
          .add("output", &VideoJobSpec::output,
               {.text = "Where the video goes. Unset takes the deployment's store.", .immutable = true})
          .add("priority", &VideoJobSpec::priority,
               {.text = "Jobs with more go first, -1000000 to 1000000.",
                .defaulted = true,
                .minimum = -1000000,
                .maximum = 1000000})
          .add(
              "activeDeadlineSeconds", &VideoJobSpec::active_deadline_seconds,
              {.text = "How long the job may take from its first assignment to a pod, all attempts together, "
                       "without the time that it was suspended.",
               .defaulted = true,
               .immutable = true,
               .minimum = 1,
               .maximum = 31536000})
          .add("queueDeadlineSeconds", &VideoJobSpec::queue_deadline_seconds,
               {.text = "How long the job may wait for its first assignment, from its creation, without "
                        "the time that it was suspended.",
                .defaulted = true,
                .immutable = true,
                .minimum = 1,
                .maximum = 31536000})
          .add("backoffLimit", &VideoJobSpec::backoff_limit,
               {.text =
                    "How many failed attempts are tried again, 0 to 100, after 10 s, 20 s, 40 s ... 300 s. "
                    "Attempts that only lost their pod do not count, and go on at once.",
                .defaulted = true,
                .immutable = true,
                .minimum = 0,
                .maximum = 100})
          .add("suspend", &VideoJobSpec::suspend,
               {.text = "true stops the job, wherever it is, and holds it until this is false again; then it "
                        "starts anew, at its old place in line.",
                .defaulted = true})
          .add("cancel", &VideoJobSpec::cancel,
               {.text = "true ends the job; it cannot be taken back.",
                .defaulted = true,
                .rules = {{"self || !oldSelf", "cannot be taken back: make a new VideoJob"}}})
          .add(
              "ttlSecondsAfterFinished", &VideoJobSpec::ttl_seconds_after_finished,
              {.text = "When the VideoJob is deleted after its end; the video stays. Unset keeps it. Ignored "
                       "for an object that Argo CD or Flux owns: they would make it again.",
               .minimum = 0,
               .maximum = 31536000})
          .add("retention", &VideoJobSpec::retention, {.text = "What is kept after the end of the job."})
          .rule("has(self.deploymentRef) != has(self.model)",
                "spec must have exactly one of deploymentRef (a served model) and model (a pod of the job's "
                "own)")
          .rule("!has(self.precision) || has(self.model)",
                "precision is allowed with model only: a served model computes in its profile's")
          .rule("!has(self.model) || has(self.output)",
                "output is required with model: say which claim or bucket the video goes to")
          .rule("!has(self.deploymentRef) || !has(self.deploymentRef.__namespace__) || has(self.output)",
                "output is required with deploymentRef.namespace: say which claim of the job's namespace, or "
                "which bucket, the video goes to");
  return table;
}

}  // namespace wan::api
