// What a prompt and a manifest go through before anything is computed.

#include <benchmark/benchmark.h>
#include <string>

#include "base/json/json.h"
#include "runtime/cli/videojob.h"
#include "runtime/tokenizer/prompt_clean.h"

namespace wan {
namespace {

const std::string kPrompt =
    "Two anthropomorphic cats in comfy boxing gear and bright gloves fight intensely on a spotlighted stage. "
    "&quot;Schön&quot; \xc3\x83\xc2\xa9tait \xef\xbc\x92\xef\xbc\x90 fois.";

void clean_prompt(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer::clean_prompt(kPrompt));
  state.SetBytesProcessed(state.iterations() * static_cast<int64_t>(kPrompt.size()));
}
BENCHMARK(clean_prompt);

void parse_videojob(benchmark::State& state) {
  const std::string manifest =
      "apiVersion: wan.gallery/v1alpha1\nkind: VideoJob\nmetadata: {name: red-ball}\nspec:\n"
      "  model: {name: wan-tiny}\n  prompt: a red ball\n  seed: 42\n  output: {pvc: {claimName: videos}}\n";
  for (auto _ : state) benchmark::DoNotOptimize(cli::parse_videojob(manifest));
}
BENCHMARK(parse_videojob);

// As a job's hash is made.
void canonical_json(benchmark::State& state) {
  const Json generation = {{"prompt", kPrompt},  {"size", "832x480"},   {"frames", 81},
                           {"steps", 50},        {"shift", 5.0},        {"seed", 42},
                           {"sampler", "unipc"}, {"guidanceScale", 5.5}};
  for (auto _ : state) benchmark::DoNotOptimize(wan::canonical_json(generation));
}
BENCHMARK(canonical_json);

}  // namespace
}  // namespace wan
