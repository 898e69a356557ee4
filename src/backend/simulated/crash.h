#ifndef ACCELERD_BACKEND_SIMULATED_CRASH_H_
#define ACCELERD_BACKEND_SIMULATED_CRASH_H_

namespace accelerd {

/// Ends the process by SIGSEGV, as a driver with a defect does.
[[noreturn]] void CrashProcess();

/// Overwrites all memory that the process may write, shared memory first, then ends it by SIGSEGV; other threads that
/// trip over their own memory may end it earlier, by another signal. Dangerous by design: whatever the process shares
/// writable with others, files included, is destroyed. Pages that were never used are left out.
[[noreturn]] void ScribbleAndCrashProcess();

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_SIMULATED_CRASH_H_
