// wan-operator: reconciles GalleryModel, WanDeployment and VideoJob.

#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "base/net/addresses.h"
#include "operator/api/crd.h"
#include "operator/operator.h"

namespace {

struct Flags {
  wan::OperatorOptions options;
  std::string log_level = "info";
  std::string log_format = "text";
  double lease_seconds = 15;
  double renew_seconds = 10;
  double retry_seconds = 2;
  int lost_after_seconds = 600;
};

std::chrono::milliseconds to_milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

std::string bad_network(const std::string& text) {
  const auto network = wan::net::parse_network(text);
  return network ? "" : network.error().message;
}

void add_run(CLI::App& app, Flags& flags) {
  CLI::App* run = app.add_subcommand("run", "Reconcile until SIGTERM");
  wan::OperatorOptions& options = flags.options;
  run->add_option("--kubeconfig", options.kubeconfig,
                  "Kubeconfig file (default: $KUBECONFIG, the pod's service account, ~/.kube/config)");
  run->add_option("--context", options.context, "Context of the kubeconfig (default: its current one)");
  run->add_option("--namespace", options.namespaces, "Namespace to look after; repeat it (default: all)");
  run->add_option("--operator-namespace", options.operator_namespace,
                  "Namespace of the operator's own Lease and key")
      ->required();
  run->add_option("--runtime-image", options.runtime_image, "Image of the pods that run models")->required();
  run->add_option("--lease-name", options.election.name, "Name of the Lease")->capture_default_str();
  run->add_option("--lease-seconds", flags.lease_seconds, "A silent leader is replaced after it")
      ->capture_default_str()
      ->check(CLI::Range(1.0, 3600.0));
  run->add_option("--renew-seconds", flags.renew_seconds, "A leader that cannot renew gives up after it")
      ->capture_default_str()
      ->check(CLI::Range(0.1, 3600.0));
  run->add_option("--retry-seconds", flags.retry_seconds, "Between two tries to take or renew the Lease")
      ->capture_default_str()
      ->check(CLI::Range(0.05, 600.0));
  run->add_option("--health-listen", options.health_listen, "Address of /healthz and /readyz")
      ->capture_default_str();
  run->add_option("--metrics-listen", options.metrics_listen,
                  "Address of /metrics for Prometheus, which asks for no credentials; 0: none")
      ->capture_default_str();
  run->add_option("--runtime-port", options.runtime_port, "Port of the job API in runtime pods")
      ->capture_default_str();
  run->add_option("--lost-after-seconds", flags.lost_after_seconds,
                  "A pod that has not answered for so long is given up, and its job tried elsewhere")
      ->capture_default_str()
      ->check(CLI::Range(10, 86400));
  run->add_option("--picture-networks", options.picture_networks,
                  "Networks that spec.image.url of a VideoJob may lead to, beside public addresses: "
                  "10.1.0.0/16,...")
      ->delimiter(',')
      ->check(CLI::Validator(bad_network, "NETWORK"));
  run->add_option("--log-format", flags.log_format, "text or json")
      ->capture_default_str()
      ->check(CLI::IsMember({"text", "json"}));
  run->add_option("--log-level", flags.log_level, "Least level that is logged")
      ->capture_default_str()
      ->check(CLI::IsMember({"debug", "info", "warn", "error"}));
}

int run(Flags& flags) {
  if (flags.renew_seconds >= flags.lease_seconds || flags.retry_seconds >= flags.renew_seconds) {
    std::fprintf(stderr, "--retry-seconds must be below --renew-seconds, and that below --lease-seconds\n");
    return 2;
  }
  flags.options.lost_after = std::chrono::seconds(flags.lost_after_seconds);
  flags.options.election.lease_duration = to_milliseconds(flags.lease_seconds);
  flags.options.election.renew_deadline = to_milliseconds(flags.renew_seconds);
  flags.options.election.retry_period = to_milliseconds(flags.retry_seconds);
  wan::log::Settings settings;
  settings.program = "wan-operator";
  settings.level = flags.log_level;
  settings.format = flags.log_format == "json" ? wan::log::Format::kJson : wan::log::Format::kText;
  wan::log::configure(settings);
  return wan::run_operator(flags.options);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "The operator of wan-gallery: turns GalleryModels, WanDeployments and VideoJobs into pods and videos.",
      "wan-operator");
  app.set_version_flag("--version", "wan-operator " WAN_VERSION);
  app.require_subcommand(1);
  app.footer(
      "Examples:\n"
      "  wan-operator crds | kubectl apply --server-side -f -\n"
      "  wan-operator run --operator-namespace wan-system --runtime-image registry.example/wan-runtime:0.1\n"
      "  wan-operator run --kubeconfig ~/.kube/config --context dev --namespace team-a --namespace team-b "
      "\\\n"
      "    --operator-namespace team-a --runtime-image registry.example/wan-runtime:0.1");
  Flags flags;
  add_run(app, flags);
  const CLI::App* crds = app.add_subcommand("crds", "Print the CustomResourceDefinitions as YAML");
  CLI11_PARSE(app, argc, argv);
  if (crds->parsed()) {
    const std::string yaml = wan::api::crds_yaml();
    std::fwrite(yaml.data(), 1, yaml.size(), stdout);
    return std::fflush(stdout) == 0 ? 0 : 1;
  }
  return run(flags);
}
