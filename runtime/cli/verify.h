#pragma once
// `wan-runtime verify`: compares this build with golden vectors of the official code.

namespace wan::cli {

int run_verify(int argc, char** argv);

}  // namespace wan::cli
