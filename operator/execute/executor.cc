#include "operator/execute/executor.h"

#include <algorithm>
#include <utility>

#include "operator/api/reasons.h"
#include "operator/execute/refusal.h"
#include "operator/kube/api_error.h"

namespace wan::execute {
namespace {

// How long after its deadline a job's upload may still be finished.
constexpr std::chrono::seconds kUploadMargin{600};
// A pod reads the picture at once.
constexpr std::chrono::seconds kReadMargin{300};

Result<kube::Resource> resource_of(std::string_view api_version, std::string_view kind) {
  if (const kube::Resource* found = kube::find_resource(api_version, kind)) return *found;
  return fail(internal_error("a plan names " + std::string(api_version) + " " + std::string(kind) +
                             ", which the operator does not handle"));
}

Result<kube::Resource> resource_of(const Json& object) {
  return resource_of(string_or(object, {"apiVersion"}, ""), string_or(object, {"kind"}, ""));
}

cache::Key key_of(const Json& object) {
  return cache::Key{string_or(object, {"metadata", "namespace"}, ""),
                    string_or(object, {"metadata", "name"}, "")};
}

std::string controller_uid(const Json& object) {
  const Json* owners = find(object, {"metadata", "ownerReferences"});
  if (owners == nullptr || !owners->is_array()) return "";
  for (const Json& owner : *owners) {
    if (bool_or(owner, {"controller"}, false)) return string_or(owner, {"uid"}, "");
  }
  return "";
}

Json object_of(const reconcile::ObjectRef& ref) {
  Json object = Json::object();
  object["apiVersion"] = ref.api_version;
  object["kind"] = ref.kind;
  Json& metadata = object["metadata"];
  metadata["name"] = ref.name;
  if (!ref.namespace_.empty()) metadata["namespace"] = ref.namespace_;
  if (!ref.uid.empty()) metadata["uid"] = ref.uid;
  return object;
}

Json status_object(const reconcile::WriteStatus& step) {
  Json object = object_of(step.ref);
  Json& metadata = object["metadata"];
  if (!step.resource_version.empty()) metadata["resourceVersion"] = step.resource_version;
  object["status"] = step.status;
  return object;
}

std::optional<reconcile::WriteStatus> status_in(const reconcile::Plan& plan) {
  for (const reconcile::Step& step : plan.steps) {
    if (const auto* status = std::get_if<reconcile::WriteStatus>(&step)) return *status;
  }
  return std::nullopt;
}

bool is_object_write(const reconcile::Step& step) {
  return std::holds_alternative<reconcile::Apply>(step) || std::holds_alternative<reconcile::Create>(step) ||
         std::holds_alternative<reconcile::Delete>(step) ||
         std::holds_alternative<reconcile::SetFinalizer>(step);
}

// nullptr: an error that is not about the picture.
const char* refusal_reason_of_image(ErrorCode code) {
  if (code == ErrorCode::kNotFound) return api::reason::kImageNotFound;
  const bool is_final = code == ErrorCode::kInvalidArgument || code == ErrorCode::kFailedPrecondition;
  return is_final ? api::reason::kImageUnavailable : nullptr;
}

reconcile::video_job::ImageFinding finding_of(const reconcile::ImageSource& image,
                                              const Result<std::string>& digest, int looks) {
  reconcile::video_job::ImageFinding finding{.looks = looks};
  if (!digest) {
    finding.trouble = digest.error().message;
    finding.reason = refusal_reason_of_image(digest.error().code);
  } else if (std::holds_alternative<reconcile::BlobRef>(image)) {
    finding.sha256 = *digest;
    finding.on_its_way = digest->empty();
  }
  if (!finding.on_its_way) return finding;
  finding.trouble = "the artifact server takes the picture in";
  finding.reason = api::reason::kImageNotFound;
  return finding;
}

// The file in base64, as the API server has it. kNotFound says what to do.
Task<Result<std::string>> read_image(kube::Api& api, reconcile::ImageRef image) {
  const auto map = co_await api.get(kube::kConfigMaps, image.namespace_, image.config_map);
  if (!map && !kube::is_not_found(map.error())) co_return fail(map.error());
  const std::string file = image.key + "=FILE";
  const std::string make =
      "kubectl create configmap -n " + image.namespace_ + " " + image.config_map + " --from-file=" + file;
  if (!map)
    co_return fail(not_found("ConfigMap " + image.config_map + " does not exist in namespace " +
                             image.namespace_ + ": " + make));
  std::string data = string_or(*map, {"binaryData", image.key}, "");
  if (!data.empty()) co_return data;
  co_return fail(not_found("ConfigMap " + image.config_map + " has no file (binaryData) " + image.key +
                           ": make it with " + make));
}

}  // namespace

Executor::Executor(kube::Api& api, const Caches& caches, dispatch::Runtimes& runtimes,
                   const dispatch::CapabilityIssuer& issuer, controller::EventRecorder& events,
                   WriteGate& gate, const Clock& clock)
    : api_(api),
      caches_(caches),
      runtimes_(runtimes),
      issuer_(issuer),
      events_(events),
      gate_(gate),
      clock_(clock) {}

Task<Status> Executor::run(std::string owner, reconcile::Plan plan) {
  const std::optional<reconcile::ObjectRef> subject = subject_of(plan);
  std::optional<reconcile::WriteStatus> status = status_in(plan);
  if (std::ranges::none_of(plan.steps, is_object_write)) refusals_.erase(owner);
  for (size_t i = 0; i < plan.steps.size(); ++i) {
    const bool of_owner = std::holds_alternative<reconcile::WriteStatus>(plan.steps[i]);
    const bool of_object = is_object_write(plan.steps[i]);
    Status done = co_await carry_out(owner, std::move(plan.steps[i]));
    if (done && of_owner && status) status->resource_version = status_writes_[status->ref.uid].version;
    if (done) continue;
    if (of_owner && kube::is_not_found(done.error())) co_return Status();
    if (subject && (of_object ? refusal_reason(done.error()) != nullptr : kube::is_forbidden(done.error()))) {
      emit(refusal_event(*subject, done.error()));
      if (of_object) refusals_.insert_or_assign(owner, done.error());
      if (of_object && status) co_await tell_refusal(owner, *std::move(status));
    }
    co_return done;
  }
  refusals_.erase(owner);
  co_return Status();
}

// The status that the plan wanted: write_status() adds the refusal.
Task<void> Executor::tell_refusal(std::string owner, reconcile::WriteStatus status) {
  const Status told = co_await write_status(owner, std::move(status));
  // The refusal itself is what the caller hears of.
  static_cast<void>(told);
}

Task<Status> Executor::carry_out(const std::string& owner, reconcile::Step step) {
  if (auto* s = std::get_if<reconcile::Apply>(&step)) co_return co_await apply(owner, std::move(*s));
  if (auto* s = std::get_if<reconcile::Create>(&step)) co_return co_await create(owner, std::move(*s));
  if (auto* s = std::get_if<reconcile::Delete>(&step)) co_return co_await remove(std::move(*s));
  if (auto* s = std::get_if<reconcile::WriteStatus>(&step)) {
    co_return co_await write_status(owner, std::move(*s));
  }
  if (auto* s = std::get_if<reconcile::Dispatch>(&step)) co_return co_await dispatch_job(std::move(*s));
  if (auto* s = std::get_if<reconcile::Resolve>(&step)) co_return co_await ask(std::move(*s));
  if (auto* s = std::get_if<reconcile::FindImage>(&step)) co_return co_await find_image(std::move(*s));
  if (auto* s = std::get_if<reconcile::CopyArtifact>(&step)) co_return co_await copy(std::move(*s));
  if (auto* s = std::get_if<reconcile::CancelOnPod>(&step)) {
    co_return co_await runtimes_.cancel_job(s->pod_uid, s->job_uid, s->attempt);
  }
  if (auto* s = std::get_if<reconcile::DeleteArtifact>(&step)) {
    co_return co_await runtimes_.delete_artifact(s->url, s->audience, s->path, s->sha256, s->job_uid);
  }
  if (auto* s = std::get_if<reconcile::SetFinalizer>(&step)) {
    co_return co_await set_finalizer(owner, std::move(*s));
  }
  emit(std::get<reconcile::EmitEvent>(std::move(step)));
  co_return Status();
}

Task<Status> Executor::apply(const std::string& owner, reconcile::Apply step) {
  WAN_CO_TRY(const kube::Resource resource, resource_of(step.object));
  WAN_CO_TRY_VOID(co_await check_ownership(resource, step.object));
  WAN_CO_TRY(const Json written, co_await api_.apply(resource, std::move(step.object), kFieldManager, ""));
  note(owner, resource, written);
  co_return Status();
}

Task<Status> Executor::check_ownership(const kube::Resource& resource, const Json& object) {
  const cache::Key key = key_of(object);
  const cache::StoreBase* store = caches_.store_of(resource);
  if (store != nullptr && store->contains(key)) co_return Status();
  auto live = co_await api_.get(resource, key.namespace_, key.name);
  if (!live) {
    if (kube::is_not_found(live.error())) co_return Status();
    co_return fail(live.error());
  }
  if (controller_uid(*live) == controller_uid(object)) co_return Status();
  co_return fail(Error{ErrorCode::kAlreadyExists,
                       kube::qualified_name(resource) + " " + cache::to_string(key) +
                           " exists already and belongs to somebody else; delete or rename it"});
}

Task<Status> Executor::create(const std::string& owner, reconcile::Create step) {
  WAN_CO_TRY(const kube::Resource resource, resource_of(step.object));
  Json object = step.object;
  const auto created = co_await api_.create(resource, std::move(object));
  if (created) note(owner, resource, *created);
  if (created) co_return Status();
  if (!kube::is_already_exists(created.error())) co_return fail(created.error());
  if (step.is_unreadable) co_return Status();
  co_return co_await check_ownership(resource, step.object);
}

Task<Status> Executor::remove(reconcile::Delete step) {
  WAN_CO_TRY(const kube::Resource resource, resource_of(step.ref.api_version, step.ref.kind));
  kube::DeleteOptions options;
  options.uid = step.ref.uid;
  options.propagation = step.propagation;
  Status removed = co_await api_.remove(resource, step.ref.namespace_, step.ref.name, std::move(options));
  // A conflict: an object of that name exists, but it is another one.
  if (removed || kube::is_not_found(removed.error()) || kube::is_conflict(removed.error()))
    co_return Status();
  co_return removed;
}

Task<Status> Executor::write_status(const std::string& owner, reconcile::WriteStatus step) {
  WAN_CO_TRY(const kube::Resource resource, resource_of(step.ref.api_version, step.ref.kind));
  // An end stays as it is.
  const bool ended = find(step.status, {"completionTime"}) != nullptr;
  if (const auto it = refusals_.find(owner); it != refusals_.end() && !ended) {
    step = with_refusal(std::move(step), it->second, clock_.wall());
  }
  Json object = status_object(step);
  WAN_CO_TRY(const Json written,
             co_await api_.apply(resource, std::move(object), kStatusFieldManager, "status"));
  status_writes_[step.ref.uid] = {clock_.wall(), string_or(written, {"metadata", "resourceVersion"}, "")};
  note(owner, resource, written);
  co_return Status();
}

// The UID in the object makes the API server refuse to create what has gone meanwhile.
Task<Status> Executor::set_finalizer(const std::string& owner, reconcile::SetFinalizer step) {
  WAN_CO_TRY(const kube::Resource resource, resource_of(step.ref.api_version, step.ref.kind));
  Json object = object_of(step.ref);
  object["metadata"]["finalizers"] = Json::array();
  if (step.present) object["metadata"]["finalizers"].push_back(step.finalizer);
  const auto written = co_await api_.apply(resource, std::move(object), kFinalizerFieldManager, "");
  const bool gone = !written && !step.present &&
                    (kube::is_not_found(written.error()) || kube::is_conflict(written.error()));
  if (!written && !gone) co_return fail(written.error());
  if (written) note(owner, resource, *written);
  co_return Status();
}

Task<Status> Executor::dispatch_job(reconcile::Dispatch step) {
  const std::chrono::seconds valid_for =
      std::chrono::seconds(int_or(step.body, {"activeDeadlineSeconds"}, 3600)) + kUploadMargin;
  WAN_CO_TRY(std::string token, issuer_.for_upload(step.artifact_audience, step.artifact_path, step.job_uid,
                                                   step.attempt, valid_for));
  step.body["epoch"] = issuer_.epoch();
  step.body["artifact"]["token"] = std::move(token);
  WAN_CO_TRY_VOID(co_await attach(std::move(step.image), step.job_uid, step.body));
  co_return co_await runtimes_.put_job(step.pod_uid, step.job_uid, step.attempt, std::move(step.body));
}

Task<Status> Executor::find_image(reconcile::FindImage step) {
  Result<std::string> digest = "";
  if (auto* blob = std::get_if<reconcile::BlobRef>(&step.image)) {
    digest = co_await runtimes_.take_in(*blob, step.job_uid);
  } else {
    const auto found = co_await read_image(api_, std::get<reconcile::ImageRef>(step.image));
    if (!found) digest = fail(found.error());
  }
  if (!digest && refusal_reason_of_image(digest.error().code) == nullptr) co_return fail(digest.error());
  auto& finding = notes_[step.job_uid].image;
  const int looks = finding && !finding->on_its_way ? finding->looks : 0;
  finding = finding_of(step.image, digest, looks + 1);
  finding->at = clock_.wall();
  co_return Status();
}

// The file itself of a ConfigMap; of a blob, the way to it.
Task<Result<Json>> Executor::show_image(reconcile::ImageSource image, std::string job_uid) {
  if (auto* map = std::get_if<reconcile::ImageRef>(&image)) {
    WAN_CO_TRY(std::string data, co_await read_image(api_, std::move(*map)));
    co_return Json{{"data", std::move(data)}};
  }
  const auto& blob = std::get<reconcile::BlobRef>(image);
  WAN_CO_TRY(const std::string digest, co_await runtimes_.take_in(blob, job_uid));
  if (digest.empty()) co_return fail(not_found("the picture is being taken in again"));
  const std::string path = "blobs/" + digest;
  WAN_CO_TRY(std::string token, issuer_.for_reading(blob.audience, path, job_uid, kReadMargin));
  co_return Json{{"url", blob.server + "/v1/" + path}, {"sha256", digest}, {"token", std::move(token)}};
}

Task<Status> Executor::attach(std::optional<reconcile::ImageSource> image, std::string job_uid, Json& body) {
  if (!image) co_return Status();
  auto shown = co_await show_image(*std::move(image), job_uid);
  if (!shown) {
    notes_[job_uid].image.reset();
    co_return fail(shown.error());
  }
  body["image"] = *std::move(shown);
  co_return Status();
}

Task<Status> Executor::ask(reconcile::Resolve step) {
  WAN_CO_TRY_VOID(co_await attach(std::move(step.image), step.job_uid, step.body));
  WAN_CO_TRY(const dispatch::JobResolution resolution,
             co_await runtimes_.resolve_job(step.pod_uid, step.job_uid, step.attempt, std::move(step.body)));
  reconcile::video_job::Answer answer{.pod_uid = step.pod_uid, .job_hash = resolution.job_hash};
  api::Resolved resolved;
  if (resolution.resolved.is_object() &&
      api::Resolved::table().read(resolution.resolved, resolved, "resolved")) {
    answer.resolved = std::move(resolved);
  }
  notes_[step.job_uid].answer = std::move(answer);
  co_return Status();
}

Task<Status> Executor::copy(reconcile::CopyArtifact step) {
  Status copied =
      co_await runtimes_.copy_artifact(step.url, step.audience, step.path, step.sha256, step.job_uid);
  if (copied) co_return copied;
  const ErrorCode code = copied.error().code;
  if (code == ErrorCode::kNotFound || code == ErrorCode::kCorrupt || code == ErrorCode::kAlreadyExists) {
    notes_[step.job_uid].copies_that_failed.insert(step.twin_uid);
  }
  co_return copied;
}

const JobNotes& Executor::notes(const std::string& job_uid) const {
  static const JobNotes none;
  const auto it = notes_.find(job_uid);
  return it == notes_.end() ? none : it->second;
}

void Executor::emit(reconcile::EmitEvent step) {
  controller::EventNote note;
  note.api_version = std::move(step.regarding.api_version);
  note.kind = std::move(step.regarding.kind);
  note.namespace_ = std::move(step.regarding.namespace_);
  note.name = std::move(step.regarding.name);
  note.uid = std::move(step.regarding.uid);
  note.type = std::move(step.type);
  note.reason = std::move(step.reason);
  note.action = std::move(step.action);
  note.note = std::move(step.note);
  events_.emit(std::move(note));
}

void Executor::note(const std::string& owner, const kube::Resource& resource, const Json& written) {
  const cache::StoreBase* store = caches_.store_of(resource);
  if (store == nullptr) return;
  gate_.note(owner, *store, key_of(written), string_or(written, {"metadata", "resourceVersion"}, ""));
}

std::optional<WallTime> Executor::last_status_write(const std::string& uid) const {
  const auto it = status_writes_.find(uid);
  return it == status_writes_.end() ? std::nullopt : std::optional(it->second.at);
}

}  // namespace wan::execute
