#pragma once
// Reading one folder of golden vectors. Its files may be anybody's: what is not as it should be ends the
// folder's comparisons with one line, by an exception that verify.cc alone catches (as it does LibTorch's).

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/json/json.h"
#include "base/result.h"
#include "runtime/device/device.h"
#include "runtime/pipeline/generation.h"
#include "runtime/weights/key_map.h"
#include "runtime/weights/state_dict.h"

namespace wan::verify {

struct GoldenError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The value, or its error as a GoldenError.
template <typename T>
T must(Result<T> result) {
  if (!result) throw GoldenError(result.error().message);
  return *std::move(result);
}

// The tensors of a file, on the device that computes.
class Tensors {
 public:
  Tensors(std::string file, std::map<std::string, at::Tensor> tensors)
      : file_(std::move(file)), tensors_(std::move(tensors)) {}
  [[nodiscard]] const at::Tensor& at(const std::string& name) const;
  [[nodiscard]] bool contains(const std::string& name) const { return tensors_.contains(name); }
  [[nodiscard]] auto begin() const { return tensors_.begin(); }
  [[nodiscard]] auto end() const { return tensors_.end(); }

 private:
  std::string file_;
  std::map<std::string, at::Tensor> tensors_;
};

class Golden {
 public:
  Golden(std::filesystem::path folder, device::Device device, std::filesystem::path media_program)
      : folder_(std::move(folder)), device_(std::move(device)), media_program_(std::move(media_program)) {}

  [[nodiscard]] const device::Device& device() const { return device_; }
  // A correct fp32 model differs by about 5e-7 on a CPU; a wrong epsilon by 4e-6. A GPU sums in other orders.
  [[nodiscard]] double model_limit() const { return device_.torch.is_cpu() ? 2e-6 : 1e-5; }

  [[nodiscard]] std::filesystem::path path(const std::string& file) const { return folder_ / file; }
  [[nodiscard]] bool has(const std::string& file) const;
  // Names of the files that begin and end so, sorted.
  [[nodiscard]] std::vector<std::string> files(std::string_view prefix, std::string_view suffix) const;
  [[nodiscard]] Json manifest() const { return json("manifest.json"); }
  [[nodiscard]] Json json(const std::string& file) const;
  [[nodiscard]] Tensors tensors(const std::string& file) const;
  // A PNG, through the real decoder.
  [[nodiscard]] pipeline::InputImage image(const std::string& file) const;
  // Weights with official or diffusers keys, .safetensors or .pth, ready for a model that multiplies matrices
  // in `compute`.
  [[nodiscard]] weights::StateDict weights(weights::Component component, const std::string& file,
                                           at::ScalarType compute = at::kFloat) const;

 private:
  std::filesystem::path folder_;
  device::Device device_;
  std::filesystem::path media_program_;
};

// The elements of a tensor of whole numbers.
[[nodiscard]] std::vector<int64_t> integers(const at::Tensor& tensor);

// Throws what the weights lack or have too much.
void finish(const weights::StateDict& state, const std::string& what);

}  // namespace wan::verify
