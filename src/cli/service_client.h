#ifndef ACCELERD_CLI_SERVICE_CLIENT_H_
#define ACCELERD_CLI_SERVICE_CLIENT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "cli/http_client.h"

namespace accelerd {

/// The original NCS REST service, as accelerd serves it. Errors as HttpClient's; kUnknown also for an answer that is an
/// error, with the service's own words and the HTTP status.
class ServiceClient {
 public:
  explicit ServiceClient(HttpClient http) : http_(std::move(http)) {}

  /// The names of the loaded models.
  absl::StatusOr<std::vector<std::string>> List();
  /// `directory` is a folder of the service's machine. `replace`: whether a model of this name that was loaded from
  /// another folder is replaced.
  absl::Status Load(const std::string& name, const std::string& directory, bool replace = false);
  /// kNotFound when the service says that it has no such model.
  absl::Status Unload(const std::string& name);
  /// [n,c,h,w]
  absl::StatusOr<std::vector<std::int64_t>> Shape(const std::string& name);

  /// The body of GET /stats.
  absl::StatusOr<std::string> Stats();

  /// What is asked of an image, and of which model.
  struct TaskCall {
    std::string task;  ///< "inference", "classify", "detect" or "segment".
    std::string model;
    std::string output;     ///< Of the model, for inference; empty: the first.
    std::string threshold;  ///< Least score from 0 to 1, for classify and detect; empty: the service's default.
    bool all = false;       ///< For detect: all boxes, not the best one of each class.
  };
  /// The body of the answer, for an encoded image in memory.
  absl::StatusOr<std::string> RunFile(const TaskCall& call, std::string_view bytes, const std::string& file_name);
  /// The same for a file of the service's machine.
  absl::StatusOr<std::string> RunPath(const TaskCall& call, const std::string& path);

 private:
  /// false also for a service that does not say.
  bool LacksModel(const std::string& name);

  HttpClient http_;
};

}  // namespace accelerd

#endif  // ACCELERD_CLI_SERVICE_CLIENT_H_
