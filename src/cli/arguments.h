#ifndef ACCELERD_CLI_ARGUMENTS_H_
#define ACCELERD_CLI_ARGUMENTS_H_

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "base/status.h"
#include "config/environment.h"

namespace accelerd {

/// What the command line of a client command says.
struct ClientArguments {
  std::string command;
  std::string help;  ///< Not empty: print it and succeed; nothing else is filled.
  std::string url;
  std::chrono::milliseconds timeout{};  ///< 0: none.
  bool json = false;
  bool watch = false;                    ///< stats: again and again, until it is interrupted.
  std::chrono::milliseconds interval{};  ///< stats: between two, with `watch`.
  std::string model;                     ///< All but list and unload.
  std::vector<std::string> models;       ///< unload; one or more.
  std::string directory;                 ///< load; absolute.
  bool replace = false;                  ///< load: replaces a model of this name that was loaded from another folder.
  std::vector<std::string> files;        ///< Tasks; "-" at most once. With `by_path` absolute.
  bool by_path = false;
  std::string labels;       ///< File; empty: none.
  std::string threshold;    ///< classify, detect: the least score, 0 to 1; empty: the service's default.
  bool all_boxes = false;   ///< detect: all boxes, not the best one of each class.
  std::string output_name;  ///< infer: an output of the model; empty: the first.
  std::string output_file;  ///< infer, segment: where the .npy or .png goes; empty: nowhere, "-": standard output.
};

/// Reads the arguments after `command`, which is a client command. kInvalidArgument: a usage error.
absl::StatusOr<ClientArguments> ParseClientArguments(const std::string& command, std::span<const std::string> args,
                                                     const Environment& environment);

}  // namespace accelerd

#endif  // ACCELERD_CLI_ARGUMENTS_H_
