#pragma once
// `wan-runtime inspect`: what model a directory holds and what it needs.

namespace wan::cli {

int run_inspect(int argc, char** argv);

}  // namespace wan::cli
