#pragma once
// `wan-runtime generate`: a VideoJob manifest and/or flags to an mp4, without a cluster.

namespace wan::cli {

int run_generate(int argc, char** argv);

}  // namespace wan::cli
