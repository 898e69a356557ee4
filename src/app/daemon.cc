#include "app/daemon.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/strings/str_split.h"
#include "app/client_rules.h"
#include "app/startup_check.h"
#include "app/version.h"
#include "backend/registry.h"
#include "base/log.h"
#include "base/open_beneath.h"
#include "engine/device_keys.h"
#include "engine/model_manager.h"
#include "engine/scheduler.h"
#include "fmt/core.h"
#include "frontend/http/byte_budget.h"
#include "frontend/http/health_api.h"
#include "frontend/http/ncs_api.h"
#include "frontend/http/origin_rules.h"
#include "frontend/http/server.h"
#include "frontend/http/stats_api.h"
#include "model/model_files.h"
#include "service/engine_inference_service.h"
#include "service/engine_model_service.h"
#include "service/engine_stats_service.h"
#include "service/engine_status_service.h"
#include "service/serving_plan.h"
#include "service/stats_summary.h"

namespace accelerd {
namespace {

constexpr std::size_t kSummaryLinesEach = 10;

int CpuThreads(const ServeOptions& options) {
  const auto processors = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  return options.cpu_threads > 0 ? static_cast<int>(options.cpu_threads) : processors + 1;
}

std::vector<std::string> LoadPaths(const ServeOptions& options) {
  std::vector<std::string> paths = options.allow_models;
  if (!options.models.empty()) {
    paths.push_back(options.models);
  }
  return paths;
}

absl::StatusOr<ModelManagerOptions> ManagerOptions(const ServeOptions& options, bool isolated) {
  ModelManagerOptions manager;
  ACCELERD_ASSIGN_OR_RETURN(manager.loading.defaults.precision, ParsePrecision(options.precision));
  manager.loading.defaults.performance_hint =
      options.performance_hint == "latency" ? PerformanceHint::kLatency : PerformanceHint::kThroughput;
  manager.loading.attach = ServingPlan::Create;
  manager.loading.max_model_bytes = options.max_model_bytes;
  manager.loading.kept_directory = options.cache_dir.empty() ? "" : options.cache_dir + "/loaded";
  manager.limits = {.max_models = static_cast<std::size_t>(options.max_models),
                    .max_client_models = static_cast<std::size_t>(options.max_client_models),
                    .max_total_model_bytes = options.max_total_model_bytes};
  manager.device = {.name = options.device,
                    .recovers_hangs = isolated,
                    .open_timeout = options.open_timeout,
                    .compile_timeout = options.compile_timeout,
                    .probe_interval = options.probe_interval,
                    .canary_interval = options.canary_interval,
                    .state_directory = options.state_dir};
  return manager;
}

SchedulerLimits Limits(const ServeOptions& options) {
  SchedulerLimits limits;
  limits.max_jobs = static_cast<std::size_t>(options.max_queue);
  limits.max_client_jobs = static_cast<std::size_t>(options.max_client_queue);
  limits.max_client_bytes = options.max_client_bytes;
  limits.max_clients = static_cast<std::size_t>(options.max_clients);
  limits.max_prepared_bytes = options.max_prepared_bytes;
  limits.max_preparing = CpuThreads(options);
  limits.device_wait = options.device_wait;
  limits.most_run_bound = options.run_timeout;
  return limits;
}

BackendOptions BackendOptionsOf(const ServeOptions& options, std::vector<int> locks) {
  BackendOptions backend{.device = options.device, .cache_directory = options.cache_dir};
  const bool worker = options.isolation == "worker" || !options.worker_command.empty() ||
                      (options.isolation == "auto" && (!IsCpuAlone(options.device) || !options.allow_models.empty()));
  backend.isolation = worker ? BackendOptions::Isolation::kWorker : BackendOptions::Isolation::kNone;
  backend.worker_command = absl::StrSplit(options.worker_command, ' ', absl::SkipEmpty());
  backend.worker_descriptors = std::move(locks);
  return backend;
}

absl::StatusOr<HttpServerOptions> ServerOptions(const ServeOptions& options) {
  HttpServerOptions server;
  for (const std::string& address : options.listen) {
    ACCELERD_ASSIGN_OR_RETURN(server.listen.emplace_back(), ParseListenAddress(address));
    server.listen.back().optional = options.listen_by_default && address.starts_with('[');
  }
  server.allow_origins = options.allow_origin;
  server.allow_hosts = options.allow_host;
  server.socket_mode = options.socket_mode;
  server.socket_group = options.socket_group;
  server.socket_check_interval = options.probe_interval;
  server.max_connections = static_cast<std::size_t>(options.max_connections);
  server.max_header_bytes = options.max_header_bytes;
  server.max_body_bytes = options.max_body_bytes;
  server.max_total_body_bytes = options.max_total_body_bytes;
  server.body_wait = options.body_wait;
  server.header_timeout = options.header_timeout;
  server.body_timeout = options.body_timeout;
  server.idle_timeout = options.idle_timeout;
  server.write_timeout = options.write_timeout;
  server.min_rate = options.min_rate;
  server.request_timeout = options.request_timeout;
  ACCELERD_ASSIGN_OR_RETURN(server.clients, ClientRules(options.client));
  return server;
}

/// Who can reach the machine can use the service: there is no authentication.
void WarnBeyondLoopback(const std::vector<std::string>& addresses) {
  for (const std::string& address : addresses) {
    if (!IsLoopback(address)) {
      LogWarning("serve", fmt::format("{} is open to whoever can reach this machine", address));
    }
  }
}

/// The routes, and the server that leads to them.
struct FrontEnd {
  explicit FrontEnd(HttpServerOptions options) : server(std::move(options), router) {}

  Router router;
  HttpServer server;
};

}  // namespace

/// In the order of construction; destroyed the other way round, but for the front end: it goes first.
class Daemon::Parts {
 public:
  Parts(const ServeOptions& options, const BackendOptions& backend, ModelManagerOptions manager_options,
        std::unique_ptr<FrontEnd> bound)
      : front_end(std::move(bound)),
        // One more than prepare at once: see SchedulerLimits::max_preparing.
        pool(CpuThreads(options) + 1),
        scheduler(Limits(options), pool),
        manager(
            std::move(manager_options),
            [backend](Backend::OnLost on_lost) { return CreateBackend(backend, std::move(on_lost)); }, scheduler),
        loader(ConfinedPaths(options.allow_path, "--allow-path"),
               {.limits = {.max_pixels = options.max_image_pixels,
                           .max_dimension = static_cast<int>(options.max_image_dimension)},
                .accept_damaged = options.accept_damaged_images,
                .max_file_bytes = options.max_file_bytes,
                .max_decode_bytes = options.max_decode_bytes}),
        inference({.max_idle_input_bytes = options.max_prepared_bytes / 4,
                   .input_buffers = backend.isolation == BackendOptions::Isolation::kWorker ? BufferPool::Kind::kShared
                                                                                            : BufferPool::Kind::kHeap},
                  loader, manager, scheduler, pool),
        models(ConfinedPaths(LoadPaths(options), "--models or --allow-models",
                             {.roots = options.allow_path,
                              .note = "--allow-path permits images only; give --allow-models DIR as well to permit "
                                      "/load from it"}),
               manager, pool, options.load_timeout),
        status(manager, options.ready_when == "device" ? ReadyWhen::kDevice : ReadyWhen::kModels),
        stats(scheduler) {
    const auto answers = std::make_shared<ByteBudget>(options.max_total_response_bytes);
    AddHealthApi(status, front_end->router);
    AddStatsApi(stats, answers, front_end->router);
    AddNcsApi(inference, models, answers, front_end->router);
  }

  /// Calls whose clients left may still be worked on: that ends before the services do.
  ~Parts() {
    front_end.reset();
    pool.Drain();
  }
  Parts(const Parts&) = delete;
  Parts& operator=(const Parts&) = delete;

  std::unique_ptr<FrontEnd> front_end;
  std::atomic<bool> stopping = false;  ///< Loads that fail from now on say nothing about the models.
  CpuPool pool;
  Scheduler scheduler;
  ModelManager manager;
  ImageLoader loader;
  EngineInferenceService inference;
  EngineModelService models;
  EngineStatusService status;
  EngineStatsService stats;
};

namespace {

/// Loads `models` in the background and logs "ready" when each of them serves or failed, unless `stopping`, which
/// outlives the manager.
void LoadAtStart(ModelManager& manager, const std::atomic<bool>& stopping, std::vector<FoundModel> models) {
  struct Progress {
    std::atomic<std::size_t> left;
    std::atomic<std::size_t> failed = 0;
    std::size_t total;
  };
  auto progress = std::make_shared<Progress>();
  progress->left = progress->total = models.size();
  if (models.empty()) {
    LogInfo("serve", "ready: no models to load");
  }
  for (FoundModel& model : models) {
    manager.Load({.name = std::move(model.name), .files = std::move(model.files), .pinned = true},
                 [progress, &stopping](const absl::Status& status) {
                   progress->failed += status.ok() ? 0 : 1;
                   if (--progress->left == 0 && !stopping) {
                     LogInfo("serve", fmt::format("ready: {} of {} models loaded", progress->total - progress->failed,
                                                  progress->total));
                   }
                 });
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Daemon>> Daemon::Start(const ServeOptions& options, std::vector<int> locks) {
  ACCELERD_ASSIGN_OR_RETURN(std::vector<FoundModel> models, ModelsToLoad(options));
  const BackendOptions backend = BackendOptionsOf(options, std::move(locks));
  ACCELERD_ASSIGN_OR_RETURN(ModelManagerOptions manager_options,
                            ManagerOptions(options, backend.isolation == BackendOptions::Isolation::kWorker));
  ACCELERD_ASSIGN_OR_RETURN(HttpServerOptions server_options, ServerOptions(options));
  LogInfo("serve", fmt::format("accelerd {} on device {}", kVersion, options.device));
  if (!KernelResolvesBeneath()) {
    LogInfo("serve", "openat2 is not there or forbidden: paths are resolved by the service itself");
  }
  for (const std::string& note : StartupNotes(options)) {
    LogInfo("serve", note);
  }
  // Before the device is opened, which may take long: what is wrong with the addresses is said at once.
  auto front_end = std::make_unique<FrontEnd>(std::move(server_options));
  ACCELERD_RETURN_IF_ERROR(front_end->server.Bind());
  auto parts = std::make_unique<Parts>(options, backend, std::move(manager_options), std::move(front_end));
  HttpServer& server = parts->front_end->server;
  server.Serve();
  for (const std::string& address : server.addresses()) {
    LogInfo("serve", fmt::format("listening on {}", address));
  }
  WarnBeyondLoopback(server.addresses());
  LoadAtStart(parts->manager, parts->stopping, std::move(models));
  return std::unique_ptr<Daemon>(new Daemon(std::move(parts)));
}

Daemon::Daemon(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Daemon::~Daemon() = default;

void Daemon::AnnounceStop() {
  parts_->stopping = true;
  parts_->status.Stop();
}

void Daemon::StopAccepting() {
  parts_->front_end->server.StopAccepting();
  parts_->inference.Stop();
  parts_->models.Stop();
  parts_->manager.RefuseLoads(absl::UnavailableError("the service is shutting down"));
}

void Daemon::NotifyIdle(Done<> done) {
  parts_->front_end->server.NotifyIdle(std::move(done));
}

void Daemon::LogStats() const {
  for (const std::string& line : SummarizeStats(parts_->stats.GetStats(), kSummaryLinesEach)) {
    LogInfo("stats", line);
  }
}

void Daemon::GiveUp() {
  parts_->scheduler.Close(
      WithRetryAfter(absl::UnavailableError("the service is shutting down"), std::chrono::seconds(1)));
}

}  // namespace accelerd
