#ifndef ACCELERD_SERVICE_INFERENCE_SERVICE_H_
#define ACCELERD_SERVICE_INFERENCE_SERVICE_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "base/done.h"
#include "image/image.h"
#include "model/model_card.h"
#include "service/call_context.h"
#include "task/postprocessor.h"
#include "task/result.h"

namespace accelerd {

/// An encoded image in memory; `owner` keeps the bytes alive.
struct ImageBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::byte> bytes;
};

/// An encoded image in a file of the service's machine: an absolute path beneath an allowed directory.
struct ImagePath {
  std::string path;
};

using ImageSource = std::variant<ImageBytes, ImagePath>;

/// One image for one task of one model.
struct TaskCall {
  Task task = Task::kInference;
  std::string model;
  ImageSource image;
  TaskOptions options;
  /// If not null, receives Image::warning before the call completes with a result.
  std::shared_ptr<std::string> image_warning = nullptr;
  /// Reserves memory for a result of so many bytes. It is called at most once, on the CPU pool, before the inference,
  /// if the size is known by then. Its error is the call's. May be null.
  std::function<absl::Status(std::size_t bytes)> reserve_result = nullptr;
};

/// The calls that need the device or an image decoder. Implemented by the service; front ends hold nothing else.
/// Thread-safe.
///
/// Errors of all calls: kNotFound (model, or file of an allowed directory), kUnavailable (still loading, device lost,
/// shutting down), kResourceExhausted (queue full; with IsClientLimit the client's part of it), kDeadlineExceeded,
/// kAborted (a newer frame of its stream took its place), kCancelled, kPermissionDenied (path), kInvalidArgument
/// (image, output), kOutOfRange (image too large), kFailedPrecondition (the model does not fit the task). `done` runs
/// on the CPU pool with a result, which the front end renders there; with an error on any thread, or inside the call.
class InferenceService {
 public:
  virtual ~InferenceService() = default;

  virtual void RunTask(CallContext context, TaskCall call, Done<std::shared_ptr<const TaskResult>> done) = 0;

  /// Decodes alone: the transport without the inference.
  virtual void DecodeImage(CallContext context, ImageSource image, Done<std::shared_ptr<const Image>> done) = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_SERVICE_INFERENCE_SERVICE_H_
