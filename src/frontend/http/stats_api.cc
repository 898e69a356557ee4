#include "frontend/http/stats_api.h"

#include <chrono>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>

#include "fmt/core.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

using Output = std::back_insert_iterator<std::string>;

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string JsonString(std::string_view text) {
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/false, nlohmann::json::error_handler_t::replace);
}

void WriteRefusals(const ShareStats& stats, Output out) {
  std::string_view separator;
  for (std::size_t i = 0; i < kRefusalReasons; ++i) {
    if (stats.refused.at(i) > 0) {
      const auto reason = static_cast<RefusalReason>(i);
      fmt::format_to(out, R"({}"{}":{})", separator, RefusalReasonName(reason), stats.refused.at(i));
      separator = ",";
    }
  }
}

/// The members of an object. `all`: the time of the device that the whole service took.
void WriteShare(const ShareStats& stats, Duration all, Output out) {
  const double mean_wait = stats.started > 0 ? Milliseconds(stats.wait) / static_cast<double>(stats.started) : 0;
  const double share = all.count() > 0 ? Milliseconds(stats.device_time) / Milliseconds(all) : 0;
  fmt::format_to(out, R"("waiting":{},"running":{},"completed":{},"failed":{},"cancelled":{},"refused":{{)",
                 stats.waiting, stats.running, stats.completed, stats.failed, stats.cancelled);
  WriteRefusals(stats, out);
  fmt::format_to(out,
                 R"(}},"device_seconds":{:.6f},"device_share":{:.6f},"mean_wait_ms":{:.3f},"longest_wait_ms":{:.3f})",
                 Milliseconds(stats.device_time) / 1000, share, mean_wait, Milliseconds(stats.longest_wait));
}

void WriteClient(const ClientStats& client, Duration all, Output out) {
  fmt::format_to(out, R"({{"client":{},)", JsonString(client.client.title()));
  if (!client.client.member.empty()) {
    fmt::format_to(out, R"("id":{},)", JsonString(client.client.member));
  }
  fmt::format_to(out, R"("weight":{},)", client.client.weight);
  WriteShare(client.stats, all, out);
  fmt::format_to(out, "}}");
}

void WriteModel(const ModelStats& model, Duration all, Output out) {
  fmt::format_to(out, R"({{"model":{},)", JsonString(model.model));
  WriteShare(model.stats, all, out);
  fmt::format_to(out, "}}");
}

/// Written as it goes: a tree of a thousand clients takes ten times as long, on the I/O thread.
std::string ToJson(const SchedulerStats& stats) {
  const Duration all = stats.total.device_time;
  std::string json = "{";
  const Output out(json);
  WriteShare(stats.total, all, out);
  fmt::format_to(out, R"(,"queued_bytes":{},"clients":[)", stats.queued_bytes);
  for (std::size_t i = 0; i < stats.clients.size(); ++i) {
    json += i > 0 ? "," : "";
    WriteClient(stats.clients[i], all, out);
  }
  json += R"(],"models":[)";
  for (std::size_t i = 0; i < stats.models.size(); ++i) {
    json += i > 0 ? "," : "";
    WriteModel(stats.models[i], all, out);
  }
  return json + "]}";
}

}  // namespace

void AddStatsApi(const StatsService& stats, Router& router) {
  router.Add({"GET", "/stats", 0,
              [&stats](const CallContext& /*context*/, const std::shared_ptr<const HttpRequest>& /*request*/,
                       const Responder& respond) {
                HttpResponse response;
                response.body = ToJson(stats.GetStats());
                respond(std::move(response));
              }});
}

}  // namespace accelerd
