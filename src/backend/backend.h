#ifndef ACCELERD_BACKEND_BACKEND_H_
#define ACCELERD_BACKEND_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/cord.h"
#include "base/clock.h"
#include "base/done.h"
#include "base/tensor.h"
#include "model/model_card.h"
#include "model/model_files.h"
#include "model/model_info.h"

namespace accelerd {

/// Identifies one inference on a device; unique for the daemon's life.
enum class RunId : std::uint64_t {};

/// Why a device is lost: says whether what ran on it may be the cause.
enum class LossKind {
  kGone,         ///< It left, or its driver says that it is gone.
  kCrash,        ///< The driver took its process down.
  kKilled,       ///< Somebody else killed that process.
  kUnresponsive  ///< It does not answer.
};

/// A kUnavailable status can tell its kind; one that does not is of a device that is gone.
inline absl::Status WithLossKind(absl::Status status, LossKind kind) {
  status.SetPayload("accelerd/loss-kind", absl::Cord(std::string(1, static_cast<char>('0' + static_cast<int>(kind)))));
  return status;
}

inline LossKind LossKindOf(const absl::Status& status) {
  const auto payload = status.GetPayload("accelerd/loss-kind");
  return payload ? static_cast<LossKind>(*payload->char_begin() - '0') : LossKind::kGone;
}

struct RunResult {
  Tensors outputs;         ///< One for each output of the signature, batch dimension included.
  Duration device_time{};  ///< From the start of the run to its completion.
};

/// How a model is compiled.
struct CompileSettings {
  Precision precision = Precision::kDefault;
  PerformanceHint performance_hint = PerformanceHint::kThroughput;
  int slots = 0;  ///< 0: as many as the device reports optimal.
};

struct ModelSource {
  std::string name;  ///< For messages.
  ModelFiles files;
  CompileSettings settings;
  bool refresh_cache = false;  ///< Compiles although the cache has the model, and replaces what it has.
};

/// One model compiled for one device.
class CompiledModel {
 public:
  /// On the device's thread. REQUIRES: no run outstanding.
  virtual ~CompiledModel() = default;

  virtual const ModelInfo& info() const = 0;

  /// Begins one inference. `inputs` has a tensor for each input of the signature; their bytes stay unchanged until
  /// `done`. `outputs` has one for each output: written in place where the size is known beforehand, else an empty
  /// tensor, which the run replaces with one of its own. `done` runs on any thread, never inside Start; a free slot is
  /// there again before it runs, so that it may start the next inference. kInvalidArgument: the tensors do not fit the
  /// signature. kUnavailable: the device is lost or abandoned. kInternal: the runtime failed. REQUIRES: fewer than
  /// info().slots runs are outstanding. Thread-safe, also while another model compiles.
  virtual void Start(RunId run, Tensors inputs, Tensors outputs, Done<RunResult> done) = 0;
};

/// Sole owner of a device.
///
/// Open, Compile and Probe block, are called on the device's thread alone, and never throw. CompiledModels do not
/// outlive their Backend.
class Backend {
 public:
  /// Reports that the device is lost: on any thread, at most once for each Open; must not block. A call that fails
  /// because of the loss returns after the report.
  using OnLost = std::function<void(absl::Status)>;

  virtual ~Backend() = default;

  /// Opens the device, also again after a loss. kUnavailable: it is not there, or another process owns it.
  /// REQUIRES: every CompiledModel is destroyed.
  virtual absl::Status Open() = 0;

  /// Reads and compiles a model. kNotFound, kInvalidArgument: its files are missing or broken; kUnavailable: the device
  /// is lost.
  virtual absl::StatusOr<std::unique_ptr<CompiledModel>> Compile(const ModelSource& source) = 0;

  /// Cheap; kUnavailable means that the device is lost.
  virtual absl::Status Probe() = 0;

  /// Gives up on a device that does not answer: every run completes with kUnavailable, unless it completed before.
  /// Thread-safe.
  virtual void Abandon() = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_BACKEND_H_
