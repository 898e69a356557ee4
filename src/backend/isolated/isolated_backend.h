#ifndef ACCELERD_BACKEND_ISOLATED_ISOLATED_BACKEND_H_
#define ACCELERD_BACKEND_ISOLATED_ISOLATED_BACKEND_H_

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "backend/isolated/worker_model.h"
#include "backend/isolated/worker_session.h"
#include "base/cpu_pool.h"

namespace accelerd {

struct IsolatedOptions {
  std::string device = {};                       ///< What the worker drives, as it names it.
  std::string cache_directory = {};              ///< Of compiled models; empty: no cache.
  std::vector<std::string> worker_command = {};  ///< Default: this program, as `accelerd worker`.
  std::vector<int> inherit = {};         ///< Descriptors that the worker holds as long as it lives, such as locks.
  std::chrono::seconds hello_bound{30};  ///< For a worker to start.
  std::chrono::seconds probe_bound{5};   ///< For the answer to a probe.
};

/// A device that a backend drives in a child process: a driver that crashes or hangs takes the child down, and no more.
///
/// Inputs in shared memory (BufferPool::Kind::kShared) go there without a copy, and the child cannot write to them.
/// Outputs are copied out of memory that it can write to, and compared with what it computed. Abandon kills it, and so
/// does a loss; Open starts a new one when the old one is gone. Abandon also ends an Open and a Compile that hang.
/// docs/worker-protocol.md describes what goes between the two.
class IsolatedBackend : public Backend {
 public:
  IsolatedBackend(IsolatedOptions options, OnLost on_lost);
  ~IsolatedBackend() override;

  absl::Status Open() override;
  absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(const ModelSource& source) override;
  absl::Status Probe() override;
  void Abandon() override;

 private:
  absl::Status OpenDevice(WorkerSession& session);
  std::shared_ptr<WorkerSession> session();
  bool CloseSession();

  const IsolatedOptions options_;
  const OnLost on_lost_;
  StagingPools pools_;
  CpuPool completions_{1};
  std::uint32_t last_model_ = 0;
  bool opens_ = true;  ///< Whether the last opening succeeded; the log is not filled while none does.

  std::mutex mutex_;
  std::shared_ptr<WorkerSession> session_;  ///< nullptr when closed.
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_ISOLATED_BACKEND_H_
