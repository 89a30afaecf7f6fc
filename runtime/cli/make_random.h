#pragma once
// `wan-runtime make-random`: a model directory of published dimensions with random weights.

namespace wan::cli {

int run_make_random(int argc, char** argv);

}  // namespace wan::cli
