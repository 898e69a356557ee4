// Many threads around one scheduler.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <future>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "engine/fake_models.h"
#include "engine/scheduler.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

constexpr DeviceId kDevice{0};

/// Lets a client have a few jobs under way.
class Window {
 public:
  explicit Window(int size) : free_(size) {}

  void Enter() {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return free_ > 0; });
    --free_;
  }

  void Leave() {
    const std::lock_guard lock(mutex_);
    ++free_;
    wake_.notify_one();
  }

 private:
  std::mutex mutex_;
  std::condition_variable wake_;
  int free_;
};

// Many clients, models with faults, cancellations and short deadlines; at the end the scheduler is closed under them.
// Each job is answered once, with its own result or an honest error.
TEST(SchedulerStressTest, EveryJobIsAnsweredOnceWithItsOwnResult) {
  constexpr int kClients = 6;
  constexpr int kJobs = 1500;
  constexpr std::int64_t kModels = 3;
  CpuPool pool(2);
  std::atomic<int> answers = 0;
  std::atomic<int> results = 0;
  std::deque<Window> windows;
  for (int client = 0; client < kClients; ++client) {
    windows.emplace_back(4);
  }
  {
    Scheduler scheduler({.max_jobs = 32, .max_prepared_bytes = 120, .max_clients = 5}, pool);
    std::vector<ModelHandle> models;
    for (std::int64_t i = 0; i < kModels; ++i) {
      models.push_back(MakeHandle(static_cast<std::uint64_t>(i)));
      scheduler.PlacementChanged(
          kDevice, models.back()->generation,
          std::make_shared<ThreadedModel>(static_cast<int>(i) + 1, 1'000'000 * (i + 1), i == 2 ? 50 : 0));
    }
    scheduler.DeviceChanged(kDevice, DeviceState::kReady);
    std::atomic<bool> stop = false;
    // Faults make the device suspect; somebody says that it is well.
    std::thread device([&] {
      while (!stop) {
        scheduler.DeviceChanged(kDevice, DeviceState::kReady);
        std::this_thread::yield();
      }
    });
    std::vector<std::thread> clients;
    for (int client = 0; client < kClients; ++client) {
      clients.emplace_back([&, client] {
        std::mt19937 random(static_cast<unsigned>(client));
        for (int i = 0; i < kJobs; ++i) {
          const std::int64_t value = client * kJobs + i;
          const std::int64_t model = static_cast<std::int64_t>(random() % kModels);
          Job job;
          job.model = models[static_cast<std::size_t>(model)];
          job.input_bytes = 8;
          job.client = {.group = std::to_string(client / 2), .member = std::to_string(random() % 3)};
          job.priority = static_cast<PriorityClass>(random() % 3);
          job.stream = random() % 4 == 0 ? "camera" : "";
          if (random() % 2 == 0) {
            job.inputs = FakeInputs(value);
          } else {
            job.prepare = [value](const std::stop_token&) -> absl::StatusOr<Tensors> { return FakeInputs(value); };
          }
          if (random() % 4 == 0) {
            job.deadline = Clock::Steady().Now() + std::chrono::microseconds(random() % 300);
          }
          Window& window = windows[static_cast<std::size_t>(client)];
          window.Enter();
          job.done = [&, value, model](const absl::StatusOr<Tensors>& outputs) {
            ++answers;
            if (outputs.ok()) {
              ++results;
              EXPECT_EQ(outputs->at(0).elements<std::int64_t>()[0], value + 1'000'000 * (model + 1));
            } else {
              EXPECT_NE(outputs.status().code(), absl::StatusCode::kInternal) << outputs.status();
            }
            window.Leave();
          };
          const JobId id = scheduler.Submit(std::move(job));
          if (random() % 8 == 0) {
            scheduler.Cancel(id);
          }
          if (random() % 64 == 0) {
            EXPECT_LE(scheduler.stats().total.running, 3);
          }
        }
      });
    }
    while (answers < kClients * kJobs * 9 / 10) {
      std::this_thread::yield();
    }
    scheduler.Close(absl::UnavailableError("shutting down"));
    for (std::thread& client : clients) {
      client.join();
    }
    stop = true;
    device.join();
    std::promise<void> idle;
    scheduler.NotifyIdle([&](const absl::Status&) { idle.set_value(); });
    idle.get_future().wait();
  }
  EXPECT_EQ(answers, kClients * kJobs);
  EXPECT_GT(results, kClients * kJobs / 20);
}

}  // namespace
}  // namespace accelerd
