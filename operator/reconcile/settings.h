#pragma once
// What plans need to know beside the cluster: fixed for the life of one operator process.

#include <chrono>
#include <string>

namespace wan::reconcile {

struct Settings {
  std::string operator_namespace;
  std::string runtime_image;
  std::string capability_public_key;  // base64 of 32 raw bytes: what pods verify capabilities with
  std::string token_key;              // 32 secret bytes: the key of deployment tokens
  std::string picture_networks;  // "10.1.0.0/16,...": where spec.image.url may lead beside public addresses
  // A pod that has not answered for so long is given up, though it may still be there; its job goes on
  // elsewhere.
  std::chrono::seconds lost_after{600};
};

}  // namespace wan::reconcile
