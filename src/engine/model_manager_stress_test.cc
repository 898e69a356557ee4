// Loads, unloads, lists, inference and losses of the device from many threads.

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <random>
#include <thread>

#include "engine/fake_backend.h"
#include "engine/model_manager.h"
#include "gtest/gtest.h"

namespace accelerd {
namespace {

LoadRequest Request(const std::string& name) {
  return {.name = name,
          .files = {.main = "/models/" + name + ".xml",
                    .format = ModelFormat::kOpenvinoIr,
                    .card = "/models/" + name + ".toml"},
          .pinned = false};
}

BackendFactory FactoryFor(const std::shared_ptr<FakeDevice>& device) {
  return [device](Backend::OnLost on_lost) -> absl::StatusOr<std::unique_ptr<Backend>> {
    return std::make_unique<FakeBackend>(device, std::move(on_lost));
  };
}

absl::Status Load(ModelManager& manager, const std::string& name) {
  std::promise<absl::Status> promise;
  manager.Load(Request(name), [&](absl::Status status) { promise.set_value(std::move(status)); });
  return promise.get_future().get();
}

void Unload(ModelManager& manager, const std::string& name) {
  std::promise<absl::Status> promise;
  manager.Unload(name, [&](absl::Status status) { promise.set_value(std::move(status)); });
  EXPECT_TRUE(promise.get_future().get().ok());
}

ModelHandle Route(const ModelManager& manager, const std::string& name) {
  const auto routing = manager.routing();
  const auto model = routing->find(name);
  return model == routing->end() ? nullptr : model->second;
}

absl::StatusOr<Tensors> Infer(Scheduler& scheduler, ModelHandle model, std::int64_t value) {
  std::promise<absl::StatusOr<Tensors>> promise;
  Job job;
  job.model = std::move(model);
  job.inputs = FakeInputs(value);
  job.deadline = Clock::Steady().Now() + std::chrono::milliseconds(50);
  job.done = [&](absl::StatusOr<Tensors> outputs) { promise.set_value(std::move(outputs)); };
  scheduler.Submit(std::move(job));
  return promise.get_future().get();
}

TEST(ModelManagerStressTest, LoadsUnloadsInferencesAndLossesFromManyThreads) {
  const std::array<std::string, 3> names = {"a", "b", "c"};
  CpuPool pool(1);
  Scheduler scheduler({}, pool);
  const auto device = std::make_shared<FakeDevice>();
  std::atomic<int> results = 0;
  {
    ModelManager manager({}, FactoryFor(device), scheduler);
    std::vector<std::thread> threads;
    for (unsigned thread = 0; thread < 4; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(thread);
        for (int i = 0; i < 100; ++i) {
          const std::string& name = names[random() % names.size()];
          const auto action = random() % 8;
          if (action == 0) {
            Unload(manager, name);
          } else if (action < 3) {
            const absl::Status status = Load(manager, name);
            EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
          } else if (action == 3) {
            EXPECT_LE(manager.List().size(), names.size());
          } else if (ModelHandle model = Route(manager, name); model != nullptr) {
            const absl::StatusOr<Tensors> outputs = Infer(scheduler, std::move(model), i);
            if (outputs.ok()) {
              ++results;
              EXPECT_EQ(outputs->at(0).elements<std::int64_t>()[0], i + 1);
            }
          }
        }
      });
    }
    device->WaitForOpens(1);
    for (int opens = 2; opens < 6; ++opens) {
      device->Lose();
      device->WaitForOpens(opens);
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
  }
  EXPECT_EQ(device->live_models(), 0);
  EXPECT_GT(results, 10);
}

/// One call of a history: what it did, what it saw, and when.
struct Call {
  enum Kind { kLoad, kUnload, kLook } kind = kLook;
  bool result = false;  ///< kLoad: OK. kLook: the model was routed.
  int begin = 0;
  int end = 0;
};

/// Whether some order of the calls that respects their times explains what they saw. A load that an unload ended has
/// had no effect that anyone can see.
bool Explained(std::vector<Call> calls, bool loaded) {
  if (calls.empty()) {
    return true;
  }
  int first_end = calls.front().end;
  for (const Call& call : calls) {
    first_end = std::min(first_end, call.end);
  }
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const Call call = calls[i];
    if (call.begin > first_end || (call.kind == Call::kLook && call.result != loaded)) {
      continue;
    }
    std::vector<Call> rest = calls;
    rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
    const bool loaded_after =
        call.kind == Call::kLook || (call.kind == Call::kLoad && !call.result) ? loaded : call.kind == Call::kLoad;
    if (Explained(std::move(rest), loaded_after)) {
      return true;
    }
  }
  return false;
}

TEST(ModelManagerLinearizabilityTest, TheCheckerFindsAStaleRead) {
  EXPECT_TRUE(Explained({{Call::kLoad, true, 0, 3}, {Call::kLook, false, 1, 2}}, false));
  EXPECT_FALSE(Explained({{Call::kLoad, true, 0, 1}, {Call::kLook, false, 2, 3}}, false));
  EXPECT_FALSE(Explained({{Call::kUnload, true, 0, 1}, {Call::kLook, true, 2, 3}}, true));
}

TEST(ModelManagerLinearizabilityTest, ShortHistoriesOfLoadUnloadAndRoutingHaveAnOrder) {
  CpuPool pool(1);
  Scheduler scheduler({}, pool);
  const auto device = std::make_shared<FakeDevice>();
  ModelManager manager({}, FactoryFor(device), scheduler);
  std::mt19937 seeds(7);
  for (int round = 0; round < 200; ++round) {
    const bool loaded = Route(manager, "a") != nullptr;
    std::atomic<int> time = 0;
    std::array<std::vector<Call>, 3> histories;
    std::vector<std::thread> threads;
    for (std::vector<Call>& history : histories) {
      threads.emplace_back([&, seed = seeds()] {
        std::mt19937 random(static_cast<unsigned>(seed));
        for (int i = 0; i < 3; ++i) {
          Call call;
          call.kind = static_cast<Call::Kind>(random() % 3);
          call.begin = time++;
          if (call.kind == Call::kLoad) {
            call.result = Load(manager, "a").ok();
          } else if (call.kind == Call::kUnload) {
            Unload(manager, "a");
          } else {
            call.result = Route(manager, "a") != nullptr;
          }
          call.end = time++;
          history.push_back(call);
        }
      });
    }
    std::vector<Call> calls;
    for (std::size_t i = 0; i < threads.size(); ++i) {
      threads[i].join();
      calls.insert(calls.end(), histories[i].begin(), histories[i].end());
    }
    ASSERT_TRUE(Explained(calls, loaded)) << "round " << round;
  }
}

}  // namespace
}  // namespace accelerd
