#pragma once
// The shape of a subcommand of wan-runtime. Each has a header of its own that declares one `run_X`, parses
// its own flags with CLI11 and documents its exit codes in --help; runtime/main.cc is the table of them.

namespace wan::cli {

// Exit codes that all subcommands share.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       // the work was attempted and failed
inline constexpr int kExitUsage = 2;        // bad flags, bad manifest, a value out of range
inline constexpr int kExitCancelled = 130;  // SIGINT or SIGTERM

struct Command {
  const char* name;
  const char* summary;  // one line for `wan-runtime --help`
  // argv[0] is "wan-runtime NAME"; the flags follow.
  int (*run)(int argc, char** argv);
};

}  // namespace wan::cli
