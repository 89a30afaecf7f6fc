#include "operator/api/gallery_model.h"

#include "operator/api/codec.h"
#include "operator/api/identifiers.h"
#include "operator/api/limits.h"
#include "operator/api/resource_codec.h"

namespace wan::api {

const Table<LocalSource>& LocalSource::table() {
  static const Table<LocalSource> table =
      Table<LocalSource>()
          .add("path", &LocalSource::path,
               {.text = "Directory with an OCI image layout: an absolute path in the runtime image, or with "
                        "pvc a path "
                        "inside the claim.",
                .required = true,
                .min_length = 1,
                .max_length = 1024,
                .rules =
                    {{"self.matches('^[A-Za-z0-9._/-]+$') && !self.split('/').exists(part, part == '..')",
                      "must be a path of letters, digits, '.', '_', '-' and '/', without '..' as a part"}}})
          .add("ref", &LocalSource::ref,
               {.text = "Entry of the layout (its org.opencontainers.image.ref.name). Unset takes the "
                        "GalleryModel's "
                        "name.",
                .max_length = 253,
                .rules = {{"self.matches('^[A-Za-z0-9][A-Za-z0-9._-]*$')",
                           "must be letters, digits, '.', '_' and '-', beginning with a letter or digit"}}})
          .add("pvc", &LocalSource::pvc,
               {.text =
                    "Claim with the layout, in the namespace of each WanDeployment or VideoJob that uses the "
                    "model; it is mounted read-only."})
          .rule("has(self.pvc) || self.path.startsWith('/')",
                "path must be absolute (begin with /) unless pvc is set");
  return table;
}

const Table<Source>& Source::table() {
  static const Table<Source> table =
      Table<Source>()
          .add("local", &Source::local, {.text = "A directory of the runtime image or of a claim."})
          .add("digest", &Source::digest,
               {.text = "Manifest digest that the model must have, sha256:HEX. Pods refuse other bytes.",
                .max_length = 71,
                .rules = {digest_rule()}})
          .rule("has(self.local)", "source must say where the model is: local");
  return table;
}

const Table<Profile>& Profile::table() {
  static const Table<Profile> table =
      Table<Profile>()
          .add("name", &Profile::name,
               {.text = "What WanDeployments and VideoJobs call this profile.",
                .required = true,
                .min_length = 1,
                .max_length = 63,
                .rules = {label_name_rule()}})
          .add("gpusPerReplica", &Profile::gpus_per_replica,
               {.text = "GPUs that one replica needs, 0 to 64. 0 runs on the CPU.",
                .defaulted = true,
                .minimum = 0,
                .maximum = 64})
          .add("gpuResourceName", &Profile::gpu_resource_name,
               {.text = "Node resource that those GPUs are.",
                .defaulted = true,
                .max_length = 253,
                .rules = {resource_name_rule()}})
          .add("cpu", &Profile::cpu,
               {.text =
                    "CPUs that one replica asks for, such as 8 or 500m. Rounded up, it is also the number of "
                    "threads that compute.",
                .required = true})
          .add("memory", &Profile::memory,
               {.text = "Memory that one replica asks for and may use, such as 32Gi.", .required = true})
          .add("precision", &Profile::precision,
               {.text = "Number format of the matrices: fp32, bf16, or auto: bf16 where the machine is good "
                        "at it and "
                        "the model is large.",
                .defaulted = true,
                .max_length = 16,
                .values = {"auto", "fp32", "bf16"}});
  return table;
}

const Table<GalleryModelSpec>& GalleryModelSpec::table() {
  static const Table<GalleryModelSpec> table =
      Table<GalleryModelSpec>()
          .add("displayName", &GalleryModelSpec::display_name,
               {.text = "What people call the model.", .max_length = 128})
          .add("summary", &GalleryModelSpec::summary,
               {.text = "What the model does, in a sentence or two.", .max_length = 1024})
          .add("family", &GalleryModelSpec::family,
               {.text = "Family of models that it belongs to, such as wan2.1.", .max_length = 63})
          .add("task", &GalleryModelSpec::task,
               {.text = "What it makes a video from: text-to-video or image-to-video.",
                .defaulted = true,
                .max_length = 32,
                .values = {"text-to-video", "image-to-video"}})
          .add("parameters", &GalleryModelSpec::parameters,
               {.text = "Number of parameters, such as 1.3B.", .max_length = 16})
          .add("resolutions", &GalleryModelSpec::resolutions,
               {.text = "Frame sizes that the model was made for, WIDTHxHEIGHT.",
                .max_length = 9,
                .max_items = 32,
                .list_type = "set",
                .item_rules = {size_rule()}})
          .add("license", &GalleryModelSpec::license,
               {.text = "Licence of the weights, as an SPDX identifier.", .max_length = 64})
          .add("source", &GalleryModelSpec::source,
               {.text = "Where the weights come from.", .required = true})
          .add("profiles", &GalleryModelSpec::profiles,
               {.text = "Ways to run the model; the first is used where none is named.",
                .required = true,
                .min_items = 1,
                .max_items = 16,
                .list_type = "map",
                .list_keys = {"name"}});
  return table;
}

const Table<ModelDefaults>& ModelDefaults::table() {
  static const Table<ModelDefaults> table =
      Table<ModelDefaults>()
          .add("size", &ModelDefaults::size, {.text = "Frame size WIDTHxHEIGHT."})
          .add("frames", &ModelDefaults::frames, {.text = "Number of frames."})
          .add("fps", &ModelDefaults::fps, {.text = "Frames per second."})
          .add("steps", &ModelDefaults::steps, {.text = "Denoising steps."})
          .add("guidanceScale", &ModelDefaults::guidance_scale, {.text = "How strongly the prompt leads."})
          .add("shift", &ModelDefaults::shift, {.text = "Shift of the noise schedule."})
          .add("sampler", &ModelDefaults::sampler, {.text = "The solver and its noise levels."});
  return table;
}

const Table<GalleryModelStatus>& GalleryModelStatus::table() {
  static const Table<GalleryModelStatus> table =
      Table<GalleryModelStatus>()
          .add("observedGeneration", &GalleryModelStatus::observed_generation,
               {.text = "metadata.generation that this status is about; -1 before the operator first looked.",
                .defaulted = true})
          .add("digest", &GalleryModelStatus::digest,
               {.text =
                    "Manifest digest of the model: that of the spec, or what the source was found to hold."})
          .add("bytes", &GalleryModelStatus::bytes,
               {.text = "Bytes of the model's files, where its source was read."})
          .add("defaults", &GalleryModelStatus::defaults,
               {.text = "What the model gives a VideoJob that says nothing else, where its source was read."})
          .add("inspection", &GalleryModelStatus::inspection,
               {.text = "Which source, in which runtime image, digest, bytes and defaults were read from."})
          .add("conditions", &GalleryModelStatus::conditions,
               {.text = "Ready: the entry can be used. Stalled: it cannot, and why.",
                .list_type = "map",
                .list_keys = {"type"}});
  return table;
}

template <>
const KindInfo& kind_info<GalleryModel>() {
  static const KindInfo info{kGroup, kVersion, "GalleryModel", "gallerymodels", false};
  return info;
}

template <>
Result<GalleryModel> from_json<GalleryModel>(const Json& object) {
  return read_resource<GalleryModel>(object);
}

Json to_json(const GalleryModelSpec& spec) { return GalleryModelSpec::table().write(spec); }
Json to_json(const GalleryModelStatus& status) { return GalleryModelStatus::table().write(status); }

}  // namespace wan::api
