#ifndef ACCELERD_BACKEND_SIMULATED_STICK_FAULTS_H_
#define ACCELERD_BACKEND_SIMULATED_STICK_FAULTS_H_

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace accelerd {

/// What can happen to a simulated stick.
enum class FaultKind {
  kUnplug,       ///< The stick is gone until it is plugged in again.
  kReplug,       ///< It is plugged in again.
  kCrash,        ///< The process that opened it dies of SIGSEGV.
  kScribble,     ///< Likewise, after it overwrote all memory that it may write.
  kHang,         ///< The call does not return, the inference does not complete, until the device is given up.
  kError,        ///< The call, or the inference, fails.
  kOutOfMemory,  ///< The model does not fit.
  kWrongOutput,  ///< Outputs are plausible, and wrong.
  kSlow          ///< Takes `factor` times as long.
};

/// What a fault waits for.
enum class FaultStage {
  kNow,   ///< Only for its time.
  kOpen,  ///< For an opening. kWrongOutput and kSlow then last until the stick is opened again.
  kLoad,  ///< For the loading of a model.
  kRun,   ///< For the start of an inference.
  kProbe  ///< For a probe.
};

/// A fault that is due.
struct Fault {
  FaultKind kind = FaultKind::kUnplug;
  FaultStage stage = FaultStage::kNow;
  std::string model = {};   ///< Only for this model, at kLoad and kRun; empty: for any.
  std::uint64_t after = 0;  ///< Events that it lets pass first.
  double at = 0;            ///< Seconds since 1970 (UTC) before which it does nothing.
  std::uint64_t count = 1;  ///< How many times it strikes; 0: without end.
  double factor = 10;       ///< Of kSlow.
};

/// A kind of fault, for the state file and the command line.
struct FaultKindRow {
  FaultKind kind;
  std::string_view name;
  std::vector<FaultStage> stages;  ///< Those at which it can strike, the usual one first.
  std::string_view help;
};

/// Every kind, in the order of FaultKind.
std::span<const FaultKindRow> FaultKindTable();
const FaultKindRow& RowOf(FaultKind kind);

/// kInvalidArgument lists the names.
absl::StatusOr<FaultKind> ParseFaultKind(std::string_view name);

/// "now", "open", "load", "run", "probe".
std::string_view FaultStageName(FaultStage stage);
absl::StatusOr<FaultStage> ParseFaultStage(std::string_view name);

/// Whether the kind can strike at its stage, and the numbers make sense. kInvalidArgument says what does not.
absl::Status ValidateFault(const Fault& fault);

/// What the faults that strike one event do to it.
struct FaultEffects {
  std::bitset<9> kinds;  ///< By FaultKind.
  double slow = 1;       ///< Factor of the event's time.

  bool Has(FaultKind kind) const { return kinds.test(static_cast<std::size_t>(kind)); }
};

/// The faults of `faults` that strike an event of `stage` on `model` at `now` (seconds since 1970). Takes spent ones
/// out, and counts the event for those that let some pass first. At most one of a kind strikes; the others wait.
/// Without `allow_crash` crashes wait.
FaultEffects TakeFaults(std::vector<Fault>& faults, FaultStage stage, std::string_view model, double now,
                        bool allow_crash);

/// Whether an event of `stage` concerns a fault, whatever its time and model.
bool HasFaults(std::span<const Fault> faults, FaultStage stage);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_STICK_FAULTS_H_
