#ifndef ACCELERD_CLI_PRESENT_STATS_H_
#define ACCELERD_CLI_PRESENT_STATS_H_

#include <string_view>

#include "cli/present.h"

namespace accelerd {

/// Presents the answer of GET /stats: the service's own JSON; a summary, and tables of the clients and models that used
/// something in the last minute or wait, those with most of the last ten seconds first. kUnknown: the body is something
/// else.
absl::StatusOr<Presentation> PresentStats(std::string_view body);

}  // namespace accelerd

#endif  // ACCELERD_CLI_PRESENT_STATS_H_
