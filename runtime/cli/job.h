#pragma once
// `wan-runtime job`: the pod of one VideoJob.

namespace wan::cli {

int run_job(int argc, char** argv);

}  // namespace wan::cli
