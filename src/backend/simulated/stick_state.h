#ifndef ACCELERD_BACKEND_SIMULATED_STICK_STATE_H_
#define ACCELERD_BACKEND_SIMULATED_STICK_STATE_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "backend/simulated/stick_faults.h"
#include "backend/simulated/stick_settings.h"

namespace accelerd {

/// What happened to a stick.
struct StickCounters {
  std::uint64_t opens = 0;    ///< Attempts included.
  std::uint64_t loads = 0;    ///< Likewise.
  std::uint64_t runs = 0;     ///< Inferences that began.
  std::uint64_t unplugs = 0;  ///< Never set back, so that an unplug and a replug in quick succession are seen.
  std::uint64_t faults = 0;   ///< That struck.
};

/// A simulated stick, as its state file holds it.
struct StickState {
  bool present = true;
  int owner = 0;  ///< Process id of who opened it last; it owns it while the lock is held. 0: nobody did.
  StickSettings settings;
  std::vector<Fault> faults;
  StickCounters counters;
};

/// Reads a state file. Keys that are not there have their defaults. kInvalidArgument: it is not JSON, or has an unknown
/// key or a value of the wrong kind; the message names it.
absl::StatusOr<StickState> ParseStickState(std::string_view text);

/// What ParseStickState reads; indented, for people.
std::string StickStateToJson(const StickState& state);

/// Seconds since 1970 (UTC), as Fault::at counts.
double WallClockSeconds();

/// Plugs the stick in or out, and counts it.
void Plug(StickState& state, bool present);

/// Carries out the unplugging and replugging that is due at `now`, in the order of their times. True when there was
/// any.
bool ApplySchedule(StickState& state, double now);

/// TakeFaults on a stick that is in someone's hands: counts those that struck, and unplugs where they do.
FaultEffects StrikeStick(StickState& state, FaultStage stage, std::string_view model, double now);

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_STICK_STATE_H_
