#include "frontend/http/health_api.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "fmt/chrono.h"
#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Json = nlohmann::json;

/// As RFC 3339 writes it, in UTC.
std::string TimeText(std::chrono::system_clock::time_point time) {
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count() % 1000;
  return fmt::format("{:%Y-%m-%dT%H:%M:%S}.{:03}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(time)),
                     milliseconds);
}

Json ToJson(const std::vector<ModelStatus>& models) {
  Json array = Json::array();
  for (const ModelStatus& model : models) {
    array.push_back({{"name", model.name}, {"state", ModelStateName(model.state)}, {"reason", model.reason}});
  }
  return array;
}

Json ToJson(const Health& health) {
  Json devices = Json::array();
  for (const DeviceHealth& device : health.devices) {
    devices.push_back({{"name", device.name},
                       {"state", device.state},
                       {"since", TimeText(device.since)},
                       {"restarts", device.restarts},
                       {"last_error", device.last_error}});
  }
  return {{"live", true},
          {"ready", health.ready},
          {"reason", health.reason},
          {"devices", std::move(devices)},
          {"models", ToJson(health.models)}};
}

HttpResponse JsonResponse(int status, const Json& body) {
  HttpResponse response;
  response.status = status;
  response.body = body.dump(-1, ' ', /*ensure_ascii=*/false, Json::error_handler_t::replace);
  return response;
}

HttpResponse Readiness(const Health& health) {
  if (health.ready) {
    return JsonResponse(200, {{"ready", true}});
  }
  Json body = {{"ready", false}, {"reason", health.reason}};
  if (!health.waiting_for.empty()) {
    body["models"] = ToJson(health.waiting_for);
  }
  return JsonResponse(503, body);
}

}  // namespace

void AddHealthApi(const StatusService& status, Router& router) {
  using Request = std::shared_ptr<const HttpRequest>;
  router.Add({"GET", "/health", 0,
              [&status](const CallContext& /*context*/, const Request& /*request*/, const Responder& respond) {
                respond(JsonResponse(200, ToJson(status.GetHealth())));
              },
              CallKind::kHealth});
  router.Add({"GET", "/health/live", 0,
              [](const CallContext& /*context*/, const Request& /*request*/, const Responder& respond) {
                respond(JsonResponse(200, {{"live", true}}));
              },
              CallKind::kHealth});
  router.Add({"GET", "/health/ready", 0,
              [&status](const CallContext& /*context*/, const Request& /*request*/, const Responder& respond) {
                respond(Readiness(status.GetHealth()));
              },
              CallKind::kHealth});
}

}  // namespace accelerd
