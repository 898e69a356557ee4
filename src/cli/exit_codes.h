#ifndef ACCELERD_CLI_EXIT_CODES_H_
#define ACCELERD_CLI_EXIT_CODES_H_

namespace accelerd {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;       ///< A request failed; others may have succeeded.
inline constexpr int kExitUsage = 2;        ///< The command line is wrong; nothing was done.
inline constexpr int kExitUnreachable = 3;  ///< No service answers where it was looked for.

}  // namespace accelerd

#endif  // ACCELERD_CLI_EXIT_CODES_H_
