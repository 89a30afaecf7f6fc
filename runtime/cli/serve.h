#pragma once
// `wan-runtime serve`: a model behind the HTTP API of runtime/service.

namespace wan::cli {

int run_serve(int argc, char** argv);

}  // namespace wan::cli
