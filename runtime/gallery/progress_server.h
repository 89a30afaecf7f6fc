#pragma once
// GET /v1/status of a process that moves a model: how far it is, for whoever may ask the pod ("pod" scope).
// On a thread of its own, so that the transfer need not know of it.

#include <memory>

#include "runtime/gallery/authority.h"
#include "runtime/gallery/meter.h"

namespace wan::gallery {

class ProgressServer {
 public:
  // kUnavailable: the port is taken.
  [[nodiscard]] static Result<std::unique_ptr<ProgressServer>> start(const ListenAddress& listen,
                                                                     Authority authority);
  ~ProgressServer();
  ProgressServer(const ProgressServer&) = delete;
  ProgressServer& operator=(const ProgressServer&) = delete;

  // From any thread.
  void update(const TransferProgress& progress);
  [[nodiscard]] uint16_t port() const;

 private:
  struct Impl;
  explicit ProgressServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace wan::gallery
