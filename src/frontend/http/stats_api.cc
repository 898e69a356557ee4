#include "frontend/http/stats_api.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fmt/core.h"
#include "frontend/http/answer_memory.h"
#include "frontend/http/peer.h"
#include "nlohmann/json.hpp"

namespace accelerd {
namespace {

constexpr std::string_view kCanaryClient = "canary";  // The service itself, which checks the device.

using Output = std::back_insert_iterator<std::string>;

double Milliseconds(Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

std::string JsonString(std::string_view text) {
  // Names come from processes and clients. As ASCII they cannot steer the terminal that shows the answer.
  return nlohmann::json(text).dump(-1, ' ', /*ensure_ascii=*/true, nlohmann::json::error_handler_t::replace);
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

/// What shares are parts of.
struct Whole {
  explicit Whole(const SchedulerStats& stats) : device_time(stats.total.device_time), recent(stats.total.recent) {
    for (std::size_t i = 0; i < kRecentWindows.size(); ++i) {
      seconds.at(i) = std::max(ToSeconds(std::min<Duration>(kRecentWindows.at(i), stats.uptime)), 1e-3);
    }
  }

  Duration device_time;
  std::array<RecentShare, kRecentWindows.size()> recent;
  std::array<double, kRecentWindows.size()> seconds{};  ///< Length of each window, as far as the service ran then.
};

double Part(Duration part, Duration all) {
  return all.count() > 0 ? Milliseconds(part) / Milliseconds(all) : 0;
}

void WriteRecent(const ShareStats& stats, const Whole& whole, Output out) {
  for (std::size_t i = 0; i < kRecentWindows.size(); ++i) {
    const RecentShare& recent = stats.recent.at(i);
    fmt::format_to(out,
                   R"(,"last_{}s":{{"device_utilization":{:.4f},"device_share":{:.4f},"cpu_threads":{:.4f},)"
                   R"("completed":{}}})",
                   kRecentWindows.at(i).count(), ToSeconds(recent.device_time) / whole.seconds.at(i),
                   Part(recent.device_time, whole.recent.at(i).device_time),
                   ToSeconds(recent.processor_time) / whole.seconds.at(i), recent.completed);
  }
}

/// Writes the members of an object.
void WriteShare(const ShareStats& stats, const Whole& whole, Output out) {
  const double mean_wait = stats.started > 0 ? Milliseconds(stats.wait) / static_cast<double>(stats.started) : 0;
  fmt::format_to(out,
                 R"("waiting":{},"running":{},"completed":{},"decoded":{},"failed":{},"cancelled":{},"refused":{{)",
                 stats.waiting, stats.running, stats.completed, stats.decoded, stats.failed, stats.cancelled);
  WriteRefusals(stats, out);
  fmt::format_to(out,
                 R"(}},"device_seconds":{:.6f},"device_share":{:.6f},"cpu_seconds":{:.6f},"mean_wait_ms":{:.3f},)"
                 R"("longest_wait_ms":{:.3f})",
                 ToSeconds(stats.device_time), Part(stats.device_time, whole.device_time),
                 ToSeconds(stats.processor_time), mean_wait, Milliseconds(stats.longest_wait));
  WriteRecent(stats, whole, out);
}

const std::string& NameOf(const ClientStats& client) {
  return client.client.group;
}

const std::string& NameOf(const ModelStats& model) {
  return model.model;
}

/// Entries with most time of the device first, and what all others have together.
template <typename Entry>
struct Listing {
  std::vector<Entry> entries;
  std::size_t left_out = 0;
  std::optional<ShareStats> others;  ///< What is left out, and what has no name.
};

/// Those with most time of the device first.
template <typename Entry>
void SortByTime(std::vector<Entry>& entries) {
  std::stable_sort(entries.begin(), entries.end(),
                   [](const Entry& a, const Entry& b) { return a.stats.device_time > b.stats.device_time; });
}

template <typename Entry>
Listing<Entry> List(std::vector<Entry> all) {
  Listing<Entry> listing;
  const auto add = [&](const ShareStats& stats) {
    if (!listing.others) {
      listing.others.emplace();
    }
    Accumulate(*listing.others, stats);
  };
  SortByTime(all);
  for (Entry& entry : all) {
    if (NameOf(entry).empty()) {
      add(entry.stats);
    } else if (listing.entries.size() < kListedShares) {
      listing.entries.push_back(std::move(entry));
    } else {
      add(entry.stats);
      listing.left_out++;
    }
  }
  return listing;
}

void WriteName(const ClientStats& client, Output out) {
  fmt::format_to(out, R"("client":{},)", JsonString(client.client.title()));
  if (!client.client.member.empty()) {
    fmt::format_to(out, R"("id":{},)", JsonString(client.client.member));
  }
  fmt::format_to(out, R"("weight":{},)", client.client.weight);
}

void WriteName(const ModelStats& model, Output out) {
  fmt::format_to(out, R"("model":{},)", JsonString(model.model));
}

/// The members of an array.
template <typename Entry>
void WriteListing(Listing<Entry> listing, const Whole& whole, Output out) {
  if (listing.others) {
    listing.entries.push_back({{}, *listing.others});
  }
  std::string_view separator;
  for (const Entry& entry : listing.entries) {
    fmt::format_to(out, "{}{{", std::exchange(separator, ","));
    WriteName(entry, out);
    if (listing.left_out > 0 && NameOf(entry).empty()) {
      fmt::format_to(out, R"("others":{},)", listing.left_out);
    }
    WriteShare(entry.stats, whole, out);
    fmt::format_to(out, "}}");
  }
}

/// Written as it goes: a tree of a thousand clients takes ten times as long, on the I/O thread.
std::string ToJson(SchedulerStats stats) {
  const Whole whole(stats);
  std::string json = "{";
  const Output out(json);
  WriteShare(stats.total, whole, out);
  fmt::format_to(out, R"(,"queued_bytes":{},"clients":[)", stats.queued_bytes);
  WriteListing(List(std::move(stats.clients)), whole, out);
  json += R"(],"models":[)";
  WriteListing(List(std::move(stats.models)), whole, out);
  return json + "]}";
}

/// Removes from `clients` what `viewer` may not see, as AddStatsApi says.
void HideNames(const Client& viewer, std::uint32_t owner, std::vector<ClientStats>& clients) {
  const std::optional<std::uint32_t> user = UserOfName(viewer.group);
  if (user == 0U || user == owner) {
    return;
  }
  // Numbered in the order in which they are listed, so that no two entries have the same name.
  SortByTime(clients);
  std::size_t hidden = 0;
  for (ClientStats& entry : clients) {
    Client& client = entry.client;
    const bool own = user ? UserOfName(client.group) == user : client.key() == viewer.key();
    const bool of_the_service = user && client.group == kCanaryClient;
    if (!own && !of_the_service && !client.group.empty()) {
      client = {.group = user ? fmt::format("other {}", ++hidden) : "", .weight = client.weight};
    }
  }
}

HttpResponse StatsResponse(SchedulerStats stats, const std::shared_ptr<AnswerRoom>& room) {
  HttpResponse response;
  response.body = ToJson(std::move(stats));
  if (const absl::Status reserved = room->Reserve(response.body.size()); !reserved.ok()) {
    return StatusResponse(reserved);
  }
  AnswerRoom::Attach(room, response);
  return response;
}

}  // namespace

void AddStatsApi(const StatsService& stats, const std::shared_ptr<ByteBudget>& answers, Router& router,
                 std::uint32_t owner) {
  router.Add(
      {"GET", "/stats", 0,
       [&stats, answers, owner](const CallContext& context, const std::shared_ptr<const HttpRequest>& /*request*/,
                                const Responder& respond) {
         SchedulerStats current = stats.GetStats();
         HideNames(context.client, owner, current.clients);
         respond(StatsResponse(std::move(current), std::make_shared<AnswerRoom>(answers, context.client.key())));
       }});
}

}  // namespace accelerd
