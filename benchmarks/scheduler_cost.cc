// What a decision of the scheduler costs: jobs of many clients go through it while many more wait.
//
// Usage: scheduler_cost [CLIENTS [WAITING [MODELS]]]   Default: 1000 clients, 10000 jobs waiting, 1 model. Prints
// microseconds a job, from its submission to its end, of five rounds.

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "engine/scheduler_core.h"
#include "fmt/core.h"

namespace accelerd {
namespace {

constexpr int kJobs = 200'000;
constexpr int kSlots = 4;
constexpr DeviceId kDevice{0};
constexpr std::chrono::milliseconds kRunTime{5};

class Load {
 public:
  Load(int clients, int waiting, int models)
      : models_(static_cast<unsigned>(models)), core_({.max_jobs = static_cast<std::size_t>(waiting) + kSlots + 1}) {
    core_.DeviceChanged(kDevice, DeviceState::kReady, now_);
    for (unsigned model = 0; model < models_; ++model) {
      core_.PlacementChanged(kDevice, static_cast<ModelGeneration>(model), kSlots, now_);
    }
    for (int i = 0; i < clients; ++i) {
      clients_.push_back({.group = fmt::format("uid 1000 pid {}", 1000 + i)});
    }
    for (int i = 0; i < waiting + kSlots; ++i) {
      Submit();
    }
  }

  /// One job ends and another comes.
  void Step() {
    now_ += kRunTime / kSlots;
    const RunId run = running_[next_run_ % running_.size()];
    Take(core_.Finished(run, Outcome::kOk, kRunTime, now_), next_run_++ % running_.size());
    Submit();
  }

 private:
  void Submit() {
    JobInfo job;
    job.id = static_cast<JobId>(++last_job_);
    job.model = static_cast<ModelGeneration>(random_() % models_);
    job.client = clients_[random_() % clients_.size()];
    job.input_bytes = 1;
    job.prepared = true;
    job.deadline = now_ + std::chrono::hours(1);
    Take(core_.Submit(std::move(job), now_), running_.size());
  }

  /// The run that starts takes `place` of those that go on.
  void Take(const Decisions& decisions, std::size_t place) {
    for (const Decisions::Start& start : decisions.start) {
      if (place == running_.size()) {
        running_.emplace_back();
      }
      running_[place] = start.run;
    }
  }

  const unsigned models_;
  SchedulerCore core_;
  Time now_ = Time(std::chrono::hours(1));
  std::mt19937 random_{1};
  std::vector<Client> clients_;
  std::vector<RunId> running_;
  std::size_t next_run_ = 0;
  std::uint64_t last_job_ = 0;
};

}  // namespace
}  // namespace accelerd

int main(int argc, char** argv) {
  const int clients = argc > 1 ? std::atoi(argv[1]) : 1000;
  const int waiting = argc > 2 ? std::atoi(argv[2]) : 10'000;
  const int models = argc > 3 ? std::atoi(argv[3]) : 1;
  accelerd::Load load(clients, waiting, models);
  fmt::print("{} clients, {} jobs waiting, {} models:", clients, waiting, models);
  for (int round = 0; round < 5; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < accelerd::kJobs; ++i) {
      load.Step();
    }
    const std::chrono::duration<double, std::micro> elapsed = std::chrono::steady_clock::now() - begin;
    fmt::print(" {:.2f}", elapsed.count() / accelerd::kJobs);
  }
  fmt::print(" us a job\n");
  return 0;
}
