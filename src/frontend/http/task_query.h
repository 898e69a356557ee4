#ifndef ACCELERD_FRONTEND_HTTP_TASK_QUERY_H_
#define ACCELERD_FRONTEND_HTTP_TASK_QUERY_H_

#include "base/status.h"
#include "frontend/http/router.h"
#include "service/inference_service.h"

namespace accelerd {

/// The query parameters of an original call that runs a task.
struct TaskQuery {
  TaskOptions options;
  bool labels = false;  ///< Whether classes and boxes are answered with their labels. Default: false.
};

/// Reads the parameters from a request's query. A parameter that is absent has the meaning of the original service.
///
/// `output` names the model's output. `labels` (a switch) adds labels. `threshold` (classify and detect) is the least
/// score, a number from 0 to 1; a score of 0 is never answered. Default: above 0.01. `all` (a switch, detect) asks for
/// all boxes in place of the best one of each class. A parameter that the task does not have is ignored.
/// kInvalidArgument, naming the parameter and its value, for a value that it cannot have.
absl::StatusOr<TaskQuery> ReadTaskQuery(const HttpRequest& request, Task task);

}  // namespace accelerd

#endif  // ACCELERD_FRONTEND_HTTP_TASK_QUERY_H_
