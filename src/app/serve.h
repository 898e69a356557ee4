#ifndef ACCELERD_APP_SERVE_H_
#define ACCELERD_APP_SERVE_H_

#include "config/serve_options.h"

namespace accelerd {

/// Runs the service until a signal asks it to end (see ShutdownSignals), and returns the exit code: 0 after a drain,
/// also when it hit its bound; 128 + the second signal's number when one comes meanwhile; 1 when the service could not
/// start; 4 when another one owns the device.
int RunService(const ServeOptions& options);

}  // namespace accelerd

#endif  // ACCELERD_APP_SERVE_H_
