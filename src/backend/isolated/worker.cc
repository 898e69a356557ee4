#include "backend/isolated/worker.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backend/isolated/channel.h"
#include "backend/isolated/mapped_regions.h"
#include "backend/isolated/model_json.h"
#include "backend/isolated/run_tensors.h"
#include "base/cpu_pool.h"
#include "base/log.h"
#include "base/parse_json.h"
#include "base/signals.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Wait = Channel::Wait;

/// Never destroyed: the process ends at once, also in the middle of a driver's call.
class Worker {
 public:
  Worker(UniqueFd socket, WorkerBackends backends) : channel_(std::move(socket)), backends_(std::move(backends)) {}

  /// Reads messages until the daemon is gone. What may take time is left to the thread of the device: a run must not
  /// wait for the compilation of another model.
  [[noreturn]] void Serve();

 private:
  using Answer = absl::StatusOr<std::string>;

  absl::Status Handle(ReceivedMessage message);
  void Ask(const ReceivedMessage& message, Answer (Worker::*answer)(std::string_view));
  void Start(std::uint64_t run, std::string_view body);
  absl::Status TryStart(std::uint64_t run, std::string_view body);
  void SendDone(std::uint64_t run, const DoneMessage& message);

  // On the device's thread.
  Answer Hello(std::string_view body);
  Answer Open(std::string_view body);
  Answer Compile(std::string_view body);
  Answer Probe(std::string_view body);
  void Drop(const std::string& body);
  [[noreturn]] void Stop();

  Channel channel_;
  const WorkerBackends backends_;
  MappedRegions regions_;  ///< Of the thread that reads messages.
  BackendOptions options_;
  std::unique_ptr<Backend> backend_;

  std::mutex mutex_;
  std::unordered_map<std::uint32_t, std::shared_ptr<CompiledModel>> models_;

  CpuPool device_{1};
};

void Worker::Serve() {
  for (;;) {
    absl::StatusOr<std::optional<ReceivedMessage>> message = channel_.Receive(Wait::kYes);
    if (absl::IsUnavailable(message.status())) {
      _exit(EXIT_SUCCESS);
    }
    absl::Status status = message.status();
    if (status.ok()) {
      status = Handle(**std::move(message));
    }
    if (!status.ok()) {
      LogError("worker", Message(status));
      _exit(EXIT_FAILURE);
    }
  }
}

absl::Status Worker::Handle(ReceivedMessage message) {
  switch (message.type) {
    case MessageType::kStart:
      Start(message.sequence, message.body);
      return absl::OkStatus();
    case MessageType::kRegion:
      return regions_.Add(message.body, message.descriptor.get());
    case MessageType::kForget:
      return regions_.Forget(message.body);
    case MessageType::kHello:
      Ask(message, &Worker::Hello);
      return absl::OkStatus();
    case MessageType::kOpen:
      Ask(message, &Worker::Open);
      return absl::OkStatus();
    case MessageType::kCompile:
      Ask(message, &Worker::Compile);
      return absl::OkStatus();
    case MessageType::kProbe:
      Ask(message, &Worker::Probe);
      return absl::OkStatus();
    case MessageType::kDrop:
      device_.Post(CpuPool::Priority::kFinish, [this, body = std::string(message.body)] { Drop(body); });
      return absl::OkStatus();
    case MessageType::kStop:
      device_.Post(CpuPool::Priority::kFinish, [this] { Stop(); });
      return absl::OkStatus();
    default:
      return absl::InvalidArgumentError(
          fmt::format("malformed message: the type {} is unknown", static_cast<int>(message.type)));
  }
}

void Worker::Ask(const ReceivedMessage& message, Answer (Worker::*answer)(std::string_view)) {
  const auto work = [this, answer, sequence = message.sequence, body = std::string(message.body)] {
    const Answer result = (this->*answer)(body);
    const absl::Status sent =
        result.ok() ? channel_.Send(MessageType::kAnswer, sequence, *result, Wait::kYes)
                    : channel_.Send(MessageType::kError, sequence, EncodeStatus(result.status()), Wait::kYes);
    if (!sent.ok()) {
      LogError("worker", Message(sent));
    }
  };
  device_.Post(CpuPool::Priority::kFinish, work);
}

Worker::Answer Worker::Hello(std::string_view body) {
  try {
    ACCELERD_ASSIGN_OR_RETURN(const nlohmann::json hello, ParseJson(body));
    if (hello.at("protocol") != kWorkerProtocolVersion) {
      return absl::FailedPreconditionError(
          fmt::format("the worker speaks version {} of the protocol", kWorkerProtocolVersion));
    }
    options_.device = hello.at("device").get<std::string>();
    options_.cache_directory = hello.at("cache_directory").get<std::string>();
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(fmt::format("malformed message: {}", error.what()));
  }
  return nlohmann::json({{"protocol", kWorkerProtocolVersion}, {"runtimes", backends_.versions()}}).dump();
}

Worker::Answer Worker::Open(std::string_view) {
  const auto on_lost = [this](const absl::Status& status) {
    static_cast<void>(channel_.Send(MessageType::kLost, 0, EncodeStatus(status), Wait::kYes).ok());
  };
  ACCELERD_ASSIGN_OR_RETURN(backend_, backends_.create(options_, on_lost));
  ACCELERD_RETURN_IF_ERROR(backend_->Open());
  return "{}";
}

Worker::Answer Worker::Compile(std::string_view body) {
  ACCELERD_ASSIGN_OR_RETURN(const CompileMessage message, DecodeCompile(body));
  if (backend_ == nullptr) {
    return absl::FailedPreconditionError("the device is not open");
  }
  ACCELERD_ASSIGN_OR_RETURN(std::shared_ptr<CompiledModel> model, backend_->Compile(message.source));
  std::string info = EncodeModelInfo(model->info());
  const std::lock_guard lock(mutex_);
  models_[message.model] = std::move(model);
  return info;
}

Worker::Answer Worker::Probe(std::string_view) {
  if (backend_ == nullptr) {
    return absl::FailedPreconditionError("the device is not open");
  }
  ACCELERD_RETURN_IF_ERROR(backend_->Probe());
  return "{}";
}

void Worker::Drop(const std::string& body) {
  const nlohmann::json drop = ParseJson(body).value_or(nlohmann::json());
  std::shared_ptr<CompiledModel> model;  // Destroyed without the lock, which runs of other models take.
  const std::lock_guard lock(mutex_);
  if (drop.is_object() && drop.contains("model") && drop["model"].is_number_unsigned()) {
    if (auto node = models_.extract(drop["model"].get<std::uint32_t>())) {
      model = std::move(node.mapped());
    }
  }
}

void Worker::Stop() {
  decltype(models_) models;
  {
    const std::lock_guard lock(mutex_);
    models.swap(models_);
  }
  models.clear();
  backend_.reset();
  _exit(EXIT_SUCCESS);
}

void Worker::Start(std::uint64_t run, std::string_view body) {
  if (const absl::Status status = TryStart(run, body); !status.ok()) {
    SendDone(run, {.status = status});
  }
}

absl::Status Worker::TryStart(std::uint64_t run, std::string_view body) {
  ACCELERD_ASSIGN_OR_RETURN(const StartMessage message, DecodeStart(body));
  std::shared_ptr<CompiledModel> model;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = models_.find(message.model); found != models_.end()) {
      model = found->second;
    }
  }
  if (model == nullptr) {
    return absl::InvalidArgumentError(fmt::format("there is no model {}", message.model));
  }
  Tensors inputs;
  Tensors outputs;
  std::vector<bool> made;  // By the runtime.
  for (const TensorPlace& place : message.inputs) {
    ACCELERD_ASSIGN_OR_RETURN(inputs.emplace_back(), regions_.Find(place, Mapping::Access::kRead));
  }
  for (const TensorPlace& place : message.outputs) {
    Tensor& output = outputs.emplace_back();
    if (place.region != 0) {
      ACCELERD_ASSIGN_OR_RETURN(output, regions_.Find(place, Mapping::Access::kWrite));
    }
    made.push_back(output.empty());
  }
  model->Start(RunId{run}, std::move(inputs), std::move(outputs),
               [this, run, made = std::move(made)](absl::StatusOr<RunResult> result) {
                 DoneMessage done{.status = result.status()};
                 if (result.ok()) {
                   done.device_time = result->device_time;
                   Tensors in_place;
                   for (std::size_t i = 0; i < made.size(); ++i) {
                     (made[i] ? done.made : in_place).push_back(std::move(result->outputs.at(i)));
                   }
                   done.checksum = ChecksumOf(in_place);
                 }
                 SendDone(run, done);
               });
  return absl::OkStatus();
}

void Worker::SendDone(std::uint64_t run, const DoneMessage& message) {
  absl::Status sent = channel_.Send(MessageType::kDone, run, EncodeDone(message), Wait::kYes);
  if (absl::IsResourceExhausted(sent)) {  // Outputs that are too large.
    sent = channel_.Send(MessageType::kDone, run, EncodeDone({.status = sent}), Wait::kYes);
  }
  if (!sent.ok()) {
    LogError("worker", Message(sent));  // The daemon is gone: the other thread sees it too.
  }
}

}  // namespace

int RunWorker(std::span<const std::string> arguments, WorkerBackends backends) {
  int type = 0;
  socklen_t size = sizeof(type);
  if (!arguments.empty() || getsockopt(kWorkerSocket, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      type != SOCK_SEQPACKET) {
    std::fputs("accelerd worker is started by accelerd serve, never by hand\n", stderr);
    return 2;
  }
  fcntl(kWorkerSocket, F_SETFD, FD_CLOEXEC);
  prctl(PR_SET_NAME, "accelerd-worker");
  IgnoreStraySignals();
  (new Worker(UniqueFd(kWorkerSocket), std::move(backends)))->Serve();
}

}  // namespace accelerd
