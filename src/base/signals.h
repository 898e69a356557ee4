#ifndef ACCELERD_BASE_SIGNALS_H_
#define ACCELERD_BASE_SIGNALS_H_

#include <string>

namespace accelerd {

/// Ignores the signals that would end the process although nobody wants its end: SIGPIPE and SIGXFSZ, so that the write
/// fails instead (EPIPE, EFBIG), timers and events that nobody has set up (SIGALRM, SIGVTALRM, SIGPROF, SIGIO), SIGPWR,
/// SIGSTKFLT and the real-time signals. A handler that somebody has installed stays. SIGCHLD gets its default action,
/// as a parent may have had it ignored, which would hide how children end. Call it before other threads start.
void IgnoreStraySignals();

/// Returns the name of a signal, such as "SIGTERM", or "signal 42" for one that has none.
std::string SignalName(int number);

}  // namespace accelerd

#endif  // ACCELERD_BASE_SIGNALS_H_
