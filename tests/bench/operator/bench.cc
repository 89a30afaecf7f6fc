#include "tests/bench/operator/bench.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "tests/bench/operator/runtime_host.h"
#include "tests/bench/operator/scenario.h"

namespace wan::bench {

void say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

std::string fixed(double value, int digits) {
  std::string text(64, '\0');
  text.resize(static_cast<size_t>(std::snprintf(text.data(), text.size(), "%.*f", digits, value)));
  return text;
}

double percentile(std::vector<double> values, double part) {
  if (values.empty()) return std::nan("");
  std::ranges::sort(values);
  const auto rank = static_cast<size_t>(std::ceil(part * static_cast<double>(values.size())));
  return values[std::clamp<size_t>(rank, 1, values.size()) - 1];
}

double median(std::vector<double> values) { return percentile(std::move(values), 0.5); }

namespace {

Program ours(const Flags& flags) {
  return {"wan-operator",
          flags.operator_file,
          {"run", "--kubeconfig", flags.account, "--operator-namespace", "wan-system", "--runtime-image",
           "wan:bench", "--runtime-port", std::to_string(flags.port), "--metrics-listen", "0"}};
}

Program twin(const Flags& flags) {
  return {"twin",
          flags.twin_file,
          {"--kubeconfig", flags.account, "--operator-namespace", "wan-system", "--runtime-port",
           std::to_string(flags.port)}};
}

void say_sizes(const Setup& setup) {
  for (const Program* program : {&setup.ours, &setup.twin}) {
    const auto bytes = static_cast<double>(std::filesystem::file_size(program->file));
    say("  " + program->name + ": binary " + fixed(bytes / (1 << 20), 1) + " MiB");
  }
}

Task<Status> say_starts(Setup& setup) {
  for (const Program& program : {setup.ours, setup.twin}) {
    std::vector<double> seconds;
    for (int i = 0; i < 5; ++i) {
      Contender contender(program);
      WAN_CO_TRY_VOID(co_await contender.start(setup.logs / (program.name + "-start.log")));
      seconds.push_back(contender.seconds_to_ready());
      WAN_CO_TRY_VOID(co_await contender.stop());
    }
    say("  " + program.name + ": start to ready " + fixed(1000 * median(seconds), 0) + " ms (median of 5)");
  }
  co_return Status();
}

Task<Status> scenarios(Setup& setup, const std::string& only) {
  WAN_CO_TRY_VOID(co_await prepare(setup));
  say("size and start, with a deployment of 8 replicas:");
  say_sizes(setup);
  WAN_CO_TRY_VOID(co_await say_starts(setup));
  Json sample;
  if (only == "scale") {
    setup.jobs = 20;
    setup.runs = 1;
  }
  WAN_CO_TRY_VOID(co_await run_jobs(setup, sample));
  if (only != "jobs") WAN_CO_TRY_VOID(co_await run_scale(setup, sample));
  co_return Status();
}

Task<Status> bench(Flags flags) {
  const auto executor = co_await asio::this_coro::executor;
  SystemClock clock;
  WAN_CO_TRY(const kube::Config admin_config, kube::load_config("", ""));
  WAN_CO_TRY(const kube::Config account_config, kube::load_config(flags.account, ""));
  Clients admin(executor, admin_config, clock, flags.width),
      account(executor, account_config, clock, flags.width);
  AuditLog audit(flags.audit);
  Setup setup{admin,      account,    audit,      ours(flags),     twin(flags),
              flags.logs, flags.runs, flags.jobs, flags.resources, flags.idle};
  RuntimeHost host(executor, admin.at(0), flags.port);
  host.start();
  const Status done = co_await scenarios(setup, flags.only);
  co_await host.stop();
  co_return done;
}

}  // namespace

int run(const Flags& flags) {
  log::Settings settings;
  settings.program = "wan-operator-bench";
  settings.level = "warn";
  log::configure(settings);
  asio::io_context context(1);
  Status result;
  asio::co_spawn(context, bench(flags), [&](const std::exception_ptr& thrown, Status status) {
    WAN_CHECK(!thrown);
    result = std::move(status);
  });
  context.run();
  if (!result) std::fprintf(stderr, "%s\n", result.error().message.c_str());
  return result ? 0 : 1;
}

}  // namespace wan::bench
