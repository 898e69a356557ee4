#include "engine/job_table.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace accelerd {

JobRecord& JobTable::Add(JobInfo info, const Payer& payer, Time now, std::optional<std::uint64_t> place) {
  const auto [entry, added] = jobs_.try_emplace(info.id);
  assert(added);
  JobRecord& job = entry->second;
  job.info = std::move(info);
  job.payer = payer;
  job.order = place ? *place : next_order_++;
  job.state = job.info.prepared ? JobState::kPrepared : JobState::kWaiting;
  job.submitted = now;
  job.estimate = costs_.Estimate(job.info.model);
  job.preparation = job.info.prepared ? Duration(0) : accounts_.clients().PreparationOf(payer);
  if (job.info.prepared) {
    given_bytes_ += job.info.input_bytes;
  }
  accounts_.clients().CountJob(payer, job.info.input_bytes);
  if (!job.info.stream.empty()) {
    streams_.Add(job);
  }
  EnterOrders(job);
  return job;
}

JobRecord* JobTable::Find(JobId id) {
  const auto job = jobs_.find(id);
  return job == jobs_.end() ? nullptr : &job->second;
}

void JobTable::MoveTo(JobRecord& job, JobState state, std::optional<std::uint64_t> place) {
  assert(!job.abandoned);
  LeaveOrders(job);
  if (job.state == JobState::kWaiting && state != JobState::kWaiting) {
    BytesOf(job) += job.info.input_bytes;
  }
  if (state == JobState::kRunning) {
    streams_.Remove(job);
  }
  job.state = state;
  job.order = place.value_or(job.order);
  EnterOrders(job);
}

void JobTable::Abandon(JobRecord& job) {
  LeaveOrders(job);
  streams_.Remove(job);
  job.abandoned = true;
}

void JobTable::Remove(JobRecord& job) {
  if (!job.abandoned) {
    LeaveOrders(job);
    streams_.Remove(job);
  }
  if (job.state != JobState::kWaiting) {
    BytesOf(job) -= job.info.input_bytes;
  }
  accounts_.clients().DiscountJob(job.payer, job.info.input_bytes);
  jobs_.erase(job.info.id);
}

JobRecord* JobTable::NextToPrepare(const PreparationFilter& filter) {
  const auto eligible = [&filter](ModelGeneration model) { return !filter.without_model_only || model == kNoModel; };
  const auto cost = [](const JobRecord& job) { return ToSeconds(job.preparation); };
  return filter.idle_groups_only ? to_prepare_.NextOfIdleGroups(eligible, cost) : to_prepare_.Next(eligible, cost);
}

JobRecord* JobTable::NextToRunAlone(ModelGeneration model) const {
  if (alone_.empty()) {
    return nullptr;
  }
  const auto queue = alone_.find(model);
  return queue == alone_.end() ? nullptr : queue->second.begin()->second;
}

JobRecord* JobTable::WaitingFrame(const JobInfo& info) const {
  return info.stream.empty() ? nullptr : streams_.Waiting(info);
}

std::vector<JobRecord*> JobTable::OlderFrames(const JobRecord& job) const {
  return job.info.stream.empty() ? std::vector<JobRecord*>() : streams_.OlderThan(job);
}

JobRecord* JobTable::LastOf(GroupIndex group) {
  JobRecord* const waiting = to_prepare_.order().LastOf(group);
  return waiting != nullptr ? waiting : to_start_.LastOf(group);
}

std::vector<JobId> JobTable::NotRunning(std::optional<ModelGeneration> model) const {
  std::vector<JobId> found;
  for (const auto& [id, job] : jobs_) {
    if (!job.abandoned && job.state != JobState::kRunning && job.info.model != kNoModel &&
        (!model || job.info.model == *model)) {
      found.push_back(id);
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

void JobTable::BeginPreparation(JobRecord& job, int window, int places, Time now) {
  job.beyond_places = preparing_ >= places;
  if (job.beyond_places) {
    beyond_places_ = true;
  } else {
    preparing_++;
    last_preparation_ = now;
  }
  MoveTo(job, JobState::kPreparing);
  job.charged = accounts_.clients().GuessPreparation(job.payer);
  to_prepare_.Begin(job.place(), ToSeconds(job.charged), window);
  job.ahead = true;
}

void JobTable::EndPreparation(JobRecord& job, Duration cost) {
  if (std::exchange(job.beyond_places, false)) {
    beyond_places_ = false;
  } else {
    preparing_--;
  }
  to_prepare_.End(job.place(), ToSeconds(cost - job.charged));
  accounts_.clients().AddPreparation(job.payer, cost);
}

void JobTable::ChargeProcessor(const TurnOrder::Place& place, Duration cost) {
  to_prepare_.order().Correct(place, ToSeconds(cost));
}

void JobTable::ReleaseWindow(JobRecord& job, int window) {
  if (std::exchange(job.ahead, false)) {
    to_prepare_.Release(job.place(), window);
  }
}

void JobTable::ChargeRun(const JobRecord& job, Duration estimate) {
  to_start_.Begin(job.place(), ToSeconds(estimate));
}

void JobTable::CorrectRun(const JobRecord& job, Duration difference) {
  to_start_.Correct(job.place(), ToSeconds(difference));
}

Payer JobTable::PayerOf(const Client& client) {
  return accounts_.clients().Find(
      client,
      [this](const Payer& payer) { return to_prepare_.order().Settled(payer.group) && to_start_.Settled(payer.group); },
      [this](const Payer& payer, bool group_too) {
        for (TurnOrder* const order : {&to_prepare_.order(), &to_start_}) {
          order->ForgetMember(payer);
          if (group_too) {
            order->ForgetGroup(payer.group);
          }
        }
      });
}

void JobTable::EnterOrders(JobRecord& job) {
  if (job.state == JobState::kWaiting) {
    to_prepare_.Add(job.place(), job);
  } else if (job.state == JobState::kPrepared && job.faults > 0) {
    alone_[job.info.model].emplace(job.order, &job);
  } else if (job.state == JobState::kPrepared) {
    to_start_.Add(job.place(), job);
  }
  if (job.state != JobState::kRunning && job.info.deadline != Time::max()) {
    deadlines_.Add(job);
  }
  CountState(job, 1);
}

void JobTable::LeaveOrders(JobRecord& job) {
  if (job.abandoned) {
    return;
  }
  if (job.state == JobState::kWaiting) {
    to_prepare_.Remove(job.place());
  } else if (job.state == JobState::kPrepared && job.faults > 0) {
    const auto queue = alone_.find(job.info.model);
    queue->second.erase(job.order);
    // Generations are never used again: an empty queue must not stay.
    if (queue->second.empty()) {
      alone_.erase(queue);
    }
  } else if (job.state == JobState::kPrepared) {
    to_start_.Remove(job.place());
  }
  if (job.state != JobState::kRunning && job.info.deadline != Time::max()) {
    deadlines_.Remove(job);
  }
  CountState(job, -1);
}

void JobTable::CountState(const JobRecord& job, int change) {
  const bool runs = job.state == JobState::kRunning;
  const auto step = static_cast<std::size_t>(change);  // Modulo the range: minus one takes one away.
  accounts_.Count(job.payer, job.info.model,
                  [runs, step](Account& account) { (runs ? account.stats.running : account.stats.waiting) += step; });
  ClientTable& clients = accounts_.clients();
  if (!runs) {
    clients.AddWaiting(job.payer, job.info.priority, Resource::kDevice, change * job.estimate);
  }
  if (job.state == JobState::kWaiting || job.state == JobState::kPreparing) {
    clients.AddWaiting(job.payer, job.info.priority, Resource::kProcessor, change * job.preparation);
  }
}

}  // namespace accelerd
