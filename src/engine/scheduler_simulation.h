#ifndef ACCELERD_ENGINE_SCHEDULER_SIMULATION_H_
#define ACCELERD_ENGINE_SCHEDULER_SIMULATION_H_

/// \file
/// Clients and one device in simulated time around SchedulerCore, for its tests.

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <utility>
#include <vector>

#include "engine/scheduler_core.h"

namespace accelerd {

/// Runs and preparations take what their clients say, however many go on at once.
class SchedulerSimulation {
 public:
  using Action = std::function<void()>;

  /// One client's way of asking.
  struct Source {
    Client client;
    PriorityClass priority = PriorityClass::kNormal;
    ModelGeneration model{1};
    std::string stream = {};
    std::function<Duration()> cost = {};         ///< Not for kNoModel.
    std::function<Duration()> preparation = {};  ///< Empty: it sends tensors.
    Duration finishing{};                        ///< What it takes to make a result.
    Duration timeout = Duration::max();
    std::function<void(Client&)> rename = {};  ///< Changes the client of each request.
  };

  /// What became of the requests of a source.
  struct Result {
    int asked = 0;
    int answered = 0;
    int refused = 0;
    int superseded = 0;
    Duration device_time{};
    Duration processor_time{};
    std::vector<Duration> latencies;  ///< Of answered ones, from submission.
  };

  SchedulerSimulation(const SchedulerLimits& limits, int slots) : core(limits) {
    core.DeviceChanged(kDevice, DeviceState::kReady, now);
    for (const std::uint64_t model : {1, 2, 3}) {
      core.PlacementChanged(kDevice, static_cast<ModelGeneration>(model), slots, now);
    }
  }

  /// `connections` that ask again `pause` after each answer. What is refused is asked again after `backoff`.
  void AddClosedLoop(const Source& source, int connections, Duration pause = {},
                     Duration backoff = std::chrono::milliseconds(50)) {
    const std::size_t index = AddSource(source);
    for (int i = 0; i < connections; ++i) {
      AskInLoop(index, pause, backoff);
    }
  }

  /// Asks every `period`.
  void AddOpenLoop(const Source& source, Duration period) { AskPeriodically(AddSource(source), period); }

  void RunUntil(Time end) {
    while (!events_.empty() && events_.top().at <= end) {
      const Event event = events_.top();
      events_.pop();
      now = event.at;
      event.action();
    }
    now = end;
  }
  void RunFor(Duration duration) { RunUntil(now + duration); }

  void At(Time at, Action action) { events_.push({at, next_event_++, std::move(action)}); }

  const Result& result(std::size_t source) const { return results_.at(source); }
  std::size_t sources() const { return sources_.size(); }

  static Duration Quantile(std::vector<Duration> values, double quantile) {
    const auto place = values.begin() + static_cast<std::ptrdiff_t>(quantile * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), place, values.end());
    return *place;
  }

  SchedulerCore core;
  Time now = Time(std::chrono::hours(1));
  Action after_event = [] {};  ///< Called after each event of the core.

 private:
  static constexpr DeviceId kDevice{0};

  struct Event {
    Time at;
    std::uint64_t order;
    Action action;
    bool operator<(const Event& other) const { return std::pair(at, order) > std::pair(other.at, other.order); }
  };
  struct Request {
    std::size_t source;
    Time submitted;
    std::function<void(bool answered)> done;
  };

  std::size_t AddSource(const Source& source) {
    sources_.push_back(source);
    results_.emplace_back();
    return sources_.size() - 1;
  }

  void AskInLoop(std::size_t source, Duration pause, Duration backoff) {
    Ask(source, [this, source, pause, backoff](bool answered) {
      At(now + (answered ? pause : backoff), [this, source, pause, backoff] { AskInLoop(source, pause, backoff); });
    });
  }

  void AskPeriodically(std::size_t source, Duration period) {
    At(now + period, [this, source, period] { AskPeriodically(source, period); });
    Ask(source, [](bool /*answered*/) {});
  }

  void Ask(std::size_t index, std::function<void(bool)> done) {
    const Source& source = sources_[index];
    JobInfo job;
    job.id = static_cast<JobId>(++last_job_);
    job.model = source.model;
    job.client = source.client;
    if (source.rename) {
      source.rename(job.client);
    }
    job.priority = source.priority;
    job.stream = source.stream;
    job.input_bytes = 1;
    job.prepared = !source.preparation;
    job.deadline = source.timeout == Duration::max() ? Time::max() : now + source.timeout;
    results_[index].asked++;
    requests_[job.id] = {index, now, std::move(done)};
    CarryOut(core.Submit(job, now));
  }

  void CarryOut(const Decisions& decisions) {
    for (const Decisions::Refusal& refusal : decisions.refuse) {
      Result& result = results_[requests_.at(refusal.job).source];
      (absl::IsAborted(refusal.status) ? result.superseded : result.refused)++;
      End(refusal.job, /*answered=*/false);
    }
    for (const Decisions::Preparation& preparation : decisions.prepare) {
      const JobId job = preparation.job;
      const std::size_t source = requests_.at(job).source;
      const Duration cost = sources_[source].preparation();
      At(now + cost, [this, source, job, cost] {
        results_[source].processor_time += cost;
        CarryOut(core.Prepared(job, true, cost, now));
      });
    }
    for (const Decisions::Start& start : decisions.start) {
      const std::size_t source = requests_.at(start.job).source;
      const Duration cost = sources_[source].cost();
      const RunId run = start.run;
      At(now + cost, [this, source, cost, run] {
        results_[source].device_time += cost;
        CarryOut(core.Finished(run, Outcome::kOk, cost, now));
      });
    }
    if (decisions.finished) {
      const Request& request = requests_.at(*decisions.finished);
      results_[request.source].answered++;
      results_[request.source].latencies.push_back(now - request.submitted);
      const Source& source = sources_[request.source];
      if (source.finishing > Duration(0)) {
        results_[request.source].processor_time += source.finishing;
        core.ChargeProcessor(source.client, source.priority, source.model, source.finishing, now);
      }
      End(*decisions.finished, /*answered=*/true);
    }
    if (decisions.next_wakeup && decisions.next_wakeup != armed_) {
      armed_ = decisions.next_wakeup;
      At(*armed_, [this, at = *armed_] {
        if (armed_ == at) {
          armed_.reset();
          CarryOut(core.Advance(now));
        }
      });
    }
    after_event();
  }

  void End(JobId job, bool answered) {
    const auto request = requests_.extract(job);
    // Not from within: what a client does next is an event of its own.
    At(now, [done = request.mapped().done, answered] { done(answered); });
  }

  std::vector<Source> sources_;
  std::vector<Result> results_;
  std::map<JobId, Request> requests_;
  std::priority_queue<Event> events_;
  std::optional<Time> armed_;
  std::uint64_t next_event_ = 0;
  std::uint64_t last_job_ = 0;
};

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_SCHEDULER_SIMULATION_H_
