// wan-operator-bench: loads a control plane that run.sh has started, and measures wan-operator and its twin
// on it.

#include <CLI/CLI.hpp>

#include "tests/bench/operator/bench.h"

int main(int argc, char** argv) {
  wan::bench::Flags flags;
  CLI::App app("Measures wan-operator on the control plane of $KUBECONFIG");
  app.add_option("--operator", flags.operator_file, "wan-operator")->required();
  app.add_option("--twin", flags.twin_file, "its twin")->required();
  app.add_option("--account", flags.account, "Kubeconfig of the operator's account")->required();
  app.add_option("--audit-log", flags.audit, "What that account writes")->required();
  app.add_option("--logs", flags.logs, "Folder for the logs of both")->required();
  app.add_option("--runtime-port", flags.port, "Port of the fake runtimes");
  app.add_option("--runs", flags.runs, "How often the jobs are run by each");
  app.add_option("--jobs", flags.jobs, "VideoJobs of one run");
  app.add_option("--resources", flags.resources, "Resources that are cached");
  app.add_option("--idle-seconds", flags.idle, "How long idle CPU is measured");
  app.add_option("--width", flags.width, "Writes that the bare client has in flight");
  app.add_option("--only", flags.only, "jobs or scale");
  CLI11_PARSE(app, argc, argv);
  return wan::bench::run(flags);
}
