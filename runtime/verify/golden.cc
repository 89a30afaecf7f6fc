#include "runtime/verify/golden.h"

#include <algorithm>
#include <utility>

#include "base/io/file.h"
#include "runtime/media/encoder.h"
#include "runtime/media/image_decoder.h"
#include "runtime/weights/pth.h"
#include "runtime/weights/safetensors.h"

namespace wan::verify {

const at::Tensor& Tensors::at(const std::string& name) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) throw GoldenError(file_ + " has no tensor " + name);
  return found->second;
}

bool Golden::has(const std::string& file) const { return std::filesystem::exists(path(file)); }

std::vector<std::string> Golden::files(std::string_view prefix, std::string_view suffix) const {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with(prefix) && name.ends_with(suffix)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  return names;
}

Json Golden::json(const std::string& file) const {
  auto parsed = parse_json(must(read_file(path(file))));
  if (!parsed) throw GoldenError(path(file).string() + ": " + parsed.error().message);
  return *std::move(parsed);
}

Tensors Golden::tensors(const std::string& file) const {
  std::map<std::string, at::Tensor> tensors;
  for (const auto& [name, stored] : must(weights::open_safetensors(path(file)))) {
    tensors.emplace(name, weights::to_tensor(stored).to(device_.torch));
  }
  return {file, std::move(tensors)};
}

pipeline::InputImage Golden::image(const std::string& file) const {
  const auto program = must(media::find_media_program(media_program_));
  media::Image image = must(media::decode_image_file(program, path(file)));
  return {image.width, image.height, std::move(image.rgb), ""};
}

weights::StateDict Golden::weights(weights::Component component, const std::string& file,
                                   at::ScalarType compute) const {
  auto stored =
      must(file.ends_with(".pth") ? weights::open_pth(path(file)) : weights::open_safetensors(path(file)));
  return weights::StateDict(weights::with_diffusers_keys(component, std::move(stored)), device_.torch,
                            compute);
}

std::vector<int64_t> integers(const at::Tensor& tensor) {
  const at::Tensor flat = tensor.to(at::kCPU).to(at::kLong).contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

void finish(const weights::StateDict& state, const std::string& what) {
  if (const Status status = state.finish(what); !status) throw GoldenError(status.error().message);
}

}  // namespace wan::verify
