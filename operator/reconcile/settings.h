#pragma once
// What plans need to know beside the cluster: fixed for the life of one operator process.

#include <string>

namespace wan::reconcile {

struct Settings {
  std::string operator_namespace;
  std::string runtime_image;
  std::string capability_public_key;  // base64 of 32 raw bytes: what pods verify capabilities with
  std::string token_key;              // 32 secret bytes: the key of deployment tokens
};

}  // namespace wan::reconcile
