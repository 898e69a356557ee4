#include "backend/registry.h"

#include <array>
#include <string_view>
#include <utility>

#include "backend/isolated/isolated_backend.h"
#include "backend/openvino/devices.h"
#include "backend/openvino/openvino_backend.h"
#include "backend/openvino/read_model_info.h"
#include "backend/simulated/simulated_backend.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

/// A kind of backend.
struct Row {
  bool (*drives)(std::string_view device);
  std::unique_ptr<Backend> (*create)(const BackendOptions& options, Backend::OnLost on_lost);
  absl::Status (*check)(const std::string& device);                  ///< nullptr: whatever it drives is fine.
  absl::StatusOr<std::vector<DeviceDescription>> (*list_devices)();  ///< nullptr: it finds none by itself.
  std::string (*runtime_version)();                                  ///< nullptr: it has no runtime.
};

constexpr std::string_view kSimulated = "SIMULATED:";

bool LooksLikeSimulatedDevice(std::string_view device) {
  return device.starts_with(kSimulated) && device.size() > kSimulated.size();
}

std::unique_ptr<Backend> CreateSimulated(const BackendOptions& options, Backend::OnLost on_lost) {
  return CreateSimulatedBackend(options.device.substr(kSimulated.size()), openvino::ReadModelInfo, std::move(on_lost));
}

/// As OpenVINO spells devices, virtual ones and lists included.
bool LooksLikeOpenvinoDevice(std::string_view device) {
  constexpr std::string_view kCharacters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:,()-";
  return !device.empty() && device.front() >= 'A' && device.front() <= 'Z' &&
         device.find_first_not_of(kCharacters) == std::string_view::npos;
}

std::unique_ptr<Backend> CreateOpenvino(const BackendOptions& options, Backend::OnLost on_lost) {
  return std::make_unique<openvino::OpenvinoBackend>(options, std::move(on_lost));
}

// The first row that drives a device gets it. OpenVINO comes last: it takes every name that no other row claims.
constexpr std::array<Row, 2> kBackends = {
    {{LooksLikeSimulatedDevice, CreateSimulated, nullptr, nullptr, nullptr},
     {LooksLikeOpenvinoDevice, CreateOpenvino, openvino::CheckKind, openvino::ListDevices, openvino::RuntimeVersion}}};

absl::StatusOr<const Row*> RowOf(const std::string& device) {
  for (const Row& row : kBackends) {
    if (row.drives(device)) {
      return &row;
    }
  }
  return absl::InvalidArgumentError(
      fmt::format("\"{}\" does not name a device; names are such as CPU, GPU.0, NPU, AUTO:GPU,CPU, "
                  "BATCH:CPU(4) and SIMULATED:FILE",
                  device));
}

std::unique_ptr<Backend> CreateIsolated(const BackendOptions& options, Backend::OnLost on_lost) {
  return std::make_unique<IsolatedBackend>(IsolatedOptions{.device = options.device,
                                                           .cache_directory = options.cache_directory,
                                                           .worker_command = options.worker_command,
                                                           .inherit = options.worker_descriptors},
                                           std::move(on_lost));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Backend>> CreateBackend(const BackendOptions& options, Backend::OnLost on_lost) {
  const bool isolated = options.isolation == BackendOptions::Isolation::kWorker;
  if (isolated && !options.worker_command.empty()) {
    return CreateIsolated(options, std::move(on_lost));  // Another program has names of its own.
  }
  ACCELERD_ASSIGN_OR_RETURN(const Row* row, RowOf(options.device));
  return isolated ? CreateIsolated(options, std::move(on_lost)) : row->create(options, std::move(on_lost));
}

absl::Status CheckDevice(const std::string& device) {
  ACCELERD_ASSIGN_OR_RETURN(const Row* row, RowOf(device));
  return row->check == nullptr ? absl::OkStatus() : row->check(device);
}

absl::StatusOr<std::vector<DeviceDescription>> ListDevices() {
  std::vector<DeviceDescription> all;
  for (const Row& row : kBackends) {
    if (row.list_devices == nullptr) {
      continue;
    }
    ACCELERD_ASSIGN_OR_RETURN(std::vector<DeviceDescription> devices, row.list_devices());
    all.insert(all.end(), std::make_move_iterator(devices.begin()), std::make_move_iterator(devices.end()));
  }
  return all;
}

std::vector<std::string> RuntimeVersions() {
  std::vector<std::string> versions;
  for (const Row& row : kBackends) {
    if (row.runtime_version != nullptr) {
      versions.push_back(row.runtime_version());
    }
  }
  return versions;
}

}  // namespace accelerd
