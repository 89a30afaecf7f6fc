#include "operator/reconcile/objects/names.h"

#include "base/crypto/sha256.h"

namespace wan::reconcile {

std::string bounded_name(std::string_view name, std::string_view suffix, size_t limit) {
  if (name.size() + suffix.size() <= limit) return std::string(name) + std::string(suffix);
  const size_t kept = limit - suffix.size() - 9;
  std::string cut(name.substr(0, kept));
  while (!cut.empty() && (cut.back() == '-' || cut.back() == '.')) cut.pop_back();
  return cut + "-" + sha256_hex(name).substr(0, 8) + std::string(suffix);
}

std::string token_secret_name(const api::WanDeployment& deployment, int generation) {
  return bounded_name(deployment.metadata.name, "-token-" + std::to_string(generation));
}

std::string revision_name(const api::WanDeployment& deployment, std::string_view hash) {
  return bounded_name(deployment.metadata.name, "-" + std::string(hash));
}

std::string pod_companion_name(const api::WanDeployment& deployment) {
  return bounded_name(deployment.metadata.name, "-runtime");
}

std::string run_job_name(const api::VideoJob& job, int attempt) {
  return bounded_name(job.metadata.name, "-run-" + std::to_string(attempt));
}

std::string service_url(const api::Service& service) {
  std::string host = service.cluster_ip;
  if (host.empty()) return "";
  if (host == "None") host = service.metadata.name + "." + service.metadata.namespace_ + ".svc";
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "http://" + host + ":" + std::to_string(kRuntimePort);
}

}  // namespace wan::reconcile
