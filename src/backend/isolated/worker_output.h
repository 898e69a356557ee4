#ifndef ACCELERD_BACKEND_ISOLATED_WORKER_OUTPUT_H_
#define ACCELERD_BACKEND_ISOLATED_WORKER_OUTPUT_H_

#include <string>
#include <string_view>
#include <utility>

namespace accelerd {

/// Logs what a worker writes to standard output and error, line by line. Not thread-safe.
class WorkerOutput {
 public:
  /// Lines are logged as of `component`.
  explicit WorkerOutput(std::string component) : component_(std::move(component)) {}

  /// Reads what is there from `descriptor`, which does not block. False at its end.
  bool Read(int descriptor);

  /// Logs a last line that has no end.
  void Finish();

 private:
  void LogLine(std::string_view line);

  const std::string component_;
  std::string rest_;  ///< The beginning of a line.
};

}  // namespace accelerd

#endif  // ACCELERD_BACKEND_ISOLATED_WORKER_OUTPUT_H_
