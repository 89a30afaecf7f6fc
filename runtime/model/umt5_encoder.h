#pragma once
// UMT5EncoderModel: token ids to text rows. Names follow transformers; the forward follows the official T5:
// RMS norms, no scaling of the logits, one relative position table per layer.

#include <ATen/core/Tensor.h>
#include <span>
#include <vector>

#include "runtime/model/config.h"
#include "runtime/model/layers.h"
#include "runtime/weights/state_dict.h"

namespace wan::model {

struct UMT5Block {
  at::Tensor self_attention_layer_norm;  // layer.0.layer_norm
  Linear q, k, v, o;                     // layer.0.SelfAttention
  at::Tensor relative_attention_bias;    // [buckets, heads]
  at::Tensor dense_layer_norm;           // layer.1.layer_norm
  Linear wi_0, wi_1, wo;                 // layer.1.DenseReluDense: gate, value, output

  UMT5Block(weights::StateDict& state, const std::string& name, const UMT5Config& config);
  [[nodiscard]] at::Tensor forward(const at::Tensor& hidden, const at::Tensor& buckets,
                                   const UMT5Config& config) const;
};

class UMT5EncoderModel {
 public:
  UMT5EncoderModel(const UMT5Config& config, weights::StateDict& state);

  // `ids` of one prompt, end token included, without padding: attention among them equals that of a padded,
  // masked run. REQUIRES ids in the vocabulary. Returns [ids, d_model].
  [[nodiscard]] at::Tensor forward(std::span<const int64_t> ids, const Checkpoint& between_blocks) const;

  [[nodiscard]] const UMT5Config& config() const { return config_; }

 private:
  UMT5Config config_;
  at::Tensor shared_;  // [vocab_size, d_model]
  std::vector<UMT5Block> block_;
  at::Tensor final_layer_norm_;
};

// The table row for a key that is `distance` after the query.
[[nodiscard]] int64_t relative_position_bucket(int64_t distance, const UMT5Config& config);

}  // namespace wan::model
