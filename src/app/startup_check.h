#ifndef ACCELERD_APP_STARTUP_CHECK_H_
#define ACCELERD_APP_STARTUP_CHECK_H_

#include <string>
#include <vector>

#include "base/status.h"
#include "config/serve_options.h"
#include "model/model_files.h"

namespace accelerd {

/// The models that the options ask for at the start. kNotFound names the folder or the model that is not there.
absl::StatusOr<std::vector<FoundModel>> ModelsToLoad(const ServeOptions& options);

/// What of the options does not fit this machine, for people: folders and models that are not there, a device of a kind
/// that the runtime does not know. Starts nothing and opens no device; may take a second.
std::vector<std::string> StartupProblems(const ServeOptions& options);

/// Returns what an operator should know about options that fit, one line each: where their meaning has changed, or
/// where one option changes what another one does.
std::vector<std::string> StartupNotes(const ServeOptions& options);

}  // namespace accelerd

#endif  // ACCELERD_APP_STARTUP_CHECK_H_
