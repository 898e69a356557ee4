#include "backend/openvino/openvino_backend.h"

#include <algorithm>
#include <sstream>
#include <utility>

#include "backend/openvino/core.h"
#include "backend/openvino/devices.h"
#include "backend/openvino/read_model_info.h"
#include "base/log.h"
#include "fmt/core.h"
#include "openvino/op/parameter.hpp"
#include "openvino/op/relu.hpp"
#include "openvino/runtime/properties.hpp"

namespace accelerd::openvino {
namespace {

constexpr std::string_view kComponent = "openvino";

/// Without a batch dimension, for which BATCH would wait.
std::shared_ptr<ov::Model> TinyModel() {
  const auto input = std::make_shared<ov::op::v0::Parameter>(ov::element::f32, ov::Shape{2});
  return std::make_shared<ov::Model>(ov::OutputVector{std::make_shared<ov::op::v0::Relu>(input)},
                                     ov::ParameterVector{input});
}

std::string DeviceNames() {
  std::string names;
  for (const DeviceDescription& device : ListDevices().value_or(std::vector<DeviceDescription>())) {
    names += fmt::format("{}{}", names.empty() ? "" : ", ", device.name);
  }
  return names.empty() ? "none" : names;
}

std::string CacheKey(const std::string& device_identity, const CompileSettings& settings) {
  return fmt::format("{}precision {}\nhint {}\nslots {}\n", device_identity, PrecisionName(settings.precision),
                     settings.performance_hint == PerformanceHint::kLatency ? "latency" : "throughput", settings.slots);
}

/// Whether an imported model has the inputs and outputs of the model that it should be.
bool SamePorts(const std::vector<ov::Output<const ov::Node>>& a, const std::vector<ov::Output<const ov::Node>>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.get_element_type() == y.get_element_type() && x.get_partial_shape() == y.get_partial_shape();
  });
}

absl::StatusOr<int> SlotsOf(const ov::CompiledModel& model, const CompileSettings& settings) {
  if (settings.slots > 0) {
    return settings.slots;
  }
  return Guard(absl::StatusCode::kInternal, "cannot ask for the number of infer requests",
               [&] { return std::max(1, static_cast<int>(model.get_property(ov::optimal_number_of_infer_requests))); });
}

/// What to do about an error of the runtime that does not say it.
std::string_view Hint(std::string_view message) {
  // The CPU device compiles a model to machine code.
  return message.find("can't protect") == std::string_view::npos
             ? ""
             : ": this process may not make memory executable, which the device needs; with systemd, take "
               "MemoryDenyWriteExecute= out of its unit";
}

}  // namespace

OpenvinoBackend::OpenvinoBackend(BackendOptions options, OnLost on_lost)
    : options_(std::move(options)), on_lost_(std::move(on_lost)) {
  if (!options_.cache_directory.empty()) {
    cache_.emplace(options_.cache_directory);
  }
}

absl::Status OpenvinoBackend::Open() {
  const absl::Status status = Guard(absl::StatusCode::kUnavailable, fmt::format("device {}", options_.device), [this] {
    tiny_request_ = {};
    tiny_model_ = Core().compile_model(TinyModel(), options_.device);
    tiny_request_ = tiny_model_.create_infer_request();
    tiny_request_.infer();
  });
  if (!status.ok()) {
    return absl::UnavailableError(
        fmt::format("{}{} (devices that OpenVINO finds: {})", Message(status), Hint(Message(status)), DeviceNames()));
  }
  const std::lock_guard lock(mutex_);
  usable_ = true;
  pools_.clear();
  return absl::OkStatus();
}

absl::Status OpenvinoBackend::CheckUsable() {
  const std::lock_guard lock(mutex_);
  return usable_ ? absl::OkStatus()
                 : absl::UnavailableError(fmt::format("device {} is closed, lost or given up", options_.device));
}

absl::Status OpenvinoBackend::Probe() {
  ACCELERD_RETURN_IF_ERROR(CheckUsable());
  return Guard(absl::StatusCode::kUnavailable, fmt::format("device {}", options_.device),
               [this] { tiny_request_.infer(); });
}

absl::StatusOr<std::unique_ptr<CompiledModel>> OpenvinoBackend::Compile(const ModelSource& source) {
  ACCELERD_RETURN_IF_ERROR(CheckUsable());
  ACCELERD_ASSIGN_OR_RETURN(const ReadModel read, ReadModelFiles(source.files));
  ACCELERD_ASSIGN_OR_RETURN(ModelInfo info, DescribeModel(read, source.files.main));
  absl::StatusOr<Compilation> compilation = CompileOrImport(read, source);
  if (!compilation.ok()) {
    return Annotate(compilation.status(), source.files.main);
  }
  ACCELERD_ASSIGN_OR_RETURN(info.slots, SlotsOf(compilation->model, source.settings));
  info.from_cache = static_cast<bool>(compilation->imported);
  info.runtime = DeviceIdentity(options_.device);
  const bool stateful = !read.model->get_variables().empty();
  ACCELERD_ASSIGN_OR_RETURN(
      std::shared_ptr<RequestPool> pool,
      RequestPool::Create(std::move(compilation->model), std::move(compilation->imported), info.slots, stateful,
                          completions_, [this](const absl::Status& status) { ReportLoss(status); }));
  const std::lock_guard lock(mutex_);
  if (!usable_) {
    return absl::UnavailableError(fmt::format("device {} was given up meanwhile", options_.device));
  }
  std::erase_if(pools_, [](const std::weak_ptr<RequestPool>& known) { return known.expired(); });
  pools_.push_back(pool);
  return std::make_unique<OpenvinoModel>(std::move(info), std::move(pool), completions_);
}

absl::StatusOr<OpenvinoBackend::Compilation> OpenvinoBackend::CompileOrImport(const ReadModel& read,
                                                                              const ModelSource& source) {
  ACCELERD_ASSIGN_OR_RETURN(const ov::AnyMap properties, CompileProperties(options_.device, source.settings));
  const std::string identity = cache_ ? CompilationIdentity(options_.device) : std::string();
  const std::string key = CacheKey(identity, source.settings);
  if (!identity.empty() && !source.refresh_cache) {
    std::optional<Compilation> imported = Import(read.content_hash, key, properties);
    if (imported && SamePorts(imported->model.inputs(), std::as_const(*read.model).inputs()) &&
        SamePorts(imported->model.outputs(), std::as_const(*read.model).outputs())) {
      return *std::move(imported);
    }
  }
  absl::StatusOr<ov::CompiledModel> compiled =
      Guard(absl::StatusCode::kInvalidArgument, fmt::format("cannot compile the model for {}", options_.device),
            [&] { return Core().compile_model(std::as_const(read.model), options_.device, properties); });
  if (!compiled.ok() && MeansDeviceLost(Message(compiled.status()))) {
    return absl::UnavailableError(compiled.status().message());
  }
  ACCELERD_RETURN_IF_ERROR(compiled.status());
  if (!identity.empty()) {
    Export(*compiled, read.content_hash, key);
  }
  return Compilation{*std::move(compiled), ov::Tensor()};
}

std::optional<OpenvinoBackend::Compilation> OpenvinoBackend::Import(const std::string& content_hash,
                                                                    const std::string& key,
                                                                    const ov::AnyMap& properties) const {
  std::optional<ov::Tensor> bytes = cache_->Find(content_hash, key);
  if (!bytes) {
    return std::nullopt;
  }
  absl::StatusOr<ov::CompiledModel> model =
      Guard(absl::StatusCode::kInternal, "a cached model cannot be imported",
            [&] { return Core().import_model(*bytes, options_.device, properties); });
  if (!model.ok()) {
    LogWarning(kComponent, Message(model.status()));
    return std::nullopt;
  }
  return Compilation{*std::move(model), *std::move(bytes)};
}

void OpenvinoBackend::Export(ov::CompiledModel& model, const std::string& content_hash, const std::string& key) const {
  std::ostringstream stream;
  const absl::Status status =
      Guard(absl::StatusCode::kInternal, "a compiled model cannot be exported", [&] { model.export_model(stream); });
  if (status.ok()) {
    cache_->Store(content_hash, key, stream.view());
  } else {
    LogWarning(kComponent, Message(status));
  }
}

void OpenvinoBackend::Abandon() {
  std::vector<std::shared_ptr<RequestPool>> pools;
  {
    const std::lock_guard lock(mutex_);
    usable_ = false;
    for (const std::weak_ptr<RequestPool>& known : pools_) {
      if (std::shared_ptr<RequestPool> pool = known.lock()) {
        pools.push_back(std::move(pool));
      }
    }
  }
  for (const std::shared_ptr<RequestPool>& pool : pools) {
    pool->Abandon();
  }
}

void OpenvinoBackend::ReportLoss(const absl::Status& status) {
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(usable_, false)) {
      return;
    }
  }
  on_lost_(status);
}

}  // namespace accelerd::openvino
