#include "backend/isolated/isolated_backend.h"

#include <optional>
#include <utility>

#include "backend/isolated/model_json.h"
#include "base/parse_json.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

constexpr std::size_t kMaxIdleStagingBytes = std::size_t{16} << 20;

absl::StatusOr<std::string> EncodeHello(const IsolatedOptions& options) {
  const nlohmann::json body = {
      {"protocol", kWorkerProtocolVersion}, {"device", options.device}, {"cache_directory", options.cache_directory}};
  try {
    return body.dump();
  } catch (const nlohmann::json::exception&) {
    return absl::InvalidArgumentError(
        fmt::format("the device {} or its cache {} is not UTF-8", options.device, options.cache_directory));
  }
}

absl::Status CheckHello(const std::string& body) {
  const nlohmann::json answer = ParseJson(body).value_or(nlohmann::json());
  const bool same = answer.is_object() && answer.contains("protocol") && answer["protocol"] == kWorkerProtocolVersion;
  return same ? absl::OkStatus()
              : absl::FailedPreconditionError(
                    fmt::format("the worker does not speak version {} of the protocol", kWorkerProtocolVersion));
}

absl::Status Closed(const std::string& device) {
  return absl::UnavailableError(fmt::format("device {} is not open", device));
}

}  // namespace

IsolatedBackend::IsolatedBackend(IsolatedOptions options, OnLost on_lost)
    : options_(std::move(options)),
      on_lost_(std::move(on_lost)),
      pools_{BufferPool(kMaxIdleStagingBytes, BufferPool::Kind::kShared),
             BufferPool(kMaxIdleStagingBytes, BufferPool::Kind::kShared)} {}

IsolatedBackend::~IsolatedBackend() {
  if (!CloseSession()) {
    session_->LetGo();
  }
}

std::shared_ptr<WorkerSession> IsolatedBackend::session() {
  const std::lock_guard lock(mutex_);
  return session_;
}

bool IsolatedBackend::CloseSession() {
  const std::shared_ptr<WorkerSession> open = session();
  if (open != nullptr && !open->Close()) {
    return false;
  }
  const std::lock_guard lock(mutex_);
  session_ = nullptr;
  return true;
}

absl::Status IsolatedBackend::Open() {
  if (!CloseSession()) {
    return absl::UnavailableError(fmt::format("the last worker of {} cannot be killed yet", options_.device));
  }
  ACCELERD_ASSIGN_OR_RETURN(const std::shared_ptr<WorkerSession> opened,
                            WorkerSession::Start(options_.device, options_.worker_command, options_.inherit,
                                                 opens_ ? LogLevel::kInfo : LogLevel::kDebug, on_lost_));
  {
    const std::lock_guard lock(mutex_);
    session_ = opened;
  }
  const absl::Status status = OpenDevice(*opened);
  opens_ = status.ok();
  if (!status.ok()) {
    CloseSession();
  }
  return status;
}

absl::Status IsolatedBackend::OpenDevice(WorkerSession& opened) {
  ACCELERD_ASSIGN_OR_RETURN(const std::string hello, EncodeHello(options_));
  ACCELERD_ASSIGN_OR_RETURN(const std::string answer, opened.Call(MessageType::kHello, hello, options_.hello_bound));
  ACCELERD_RETURN_IF_ERROR(CheckHello(answer));
  ACCELERD_RETURN_IF_ERROR(opened.Call(MessageType::kOpen, "{}", std::nullopt).status());
  return opened.ReportLoss();
}

absl::StatusOr<std::unique_ptr<CompiledModel>> IsolatedBackend::Compile(const ModelSource& source) {
  const std::shared_ptr<WorkerSession> open = session();
  if (open == nullptr) {
    return Closed(options_.device);
  }
  open->ForgetRegions();
  const std::uint32_t model = ++last_model_;
  ACCELERD_ASSIGN_OR_RETURN(const std::string question, EncodeCompile({model, source}));
  ACCELERD_ASSIGN_OR_RETURN(const std::string answer, open->Call(MessageType::kCompile, question, std::nullopt));
  absl::StatusOr<ModelInfo> info = DecodeModelInfo(answer);
  if (!info.ok()) {
    open->DropModel(model);
    return absl::InternalError(fmt::format("the worker of {}: {}", options_.device, Message(info.status())));
  }
  return std::make_unique<WorkerModel>(open, model, *std::move(info), pools_, completions_);
}

absl::Status IsolatedBackend::Probe() {
  const std::shared_ptr<WorkerSession> open = session();
  if (open == nullptr) {
    return Closed(options_.device);
  }
  open->ForgetRegions();
  return open->Call(MessageType::kProbe, "{}", options_.probe_bound).status();
}

void IsolatedBackend::Abandon() {
  if (const std::shared_ptr<WorkerSession> open = session()) {
    open->Abandon();
  }
}

}  // namespace accelerd
