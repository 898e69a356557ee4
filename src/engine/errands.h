#ifndef ACCELERD_ENGINE_ERRANDS_H_
#define ACCELERD_ENGINE_ERRANDS_H_

#include <memory>
#include <stop_token>
#include <utility>
#include <vector>

#include "backend/backend.h"
#include "base/buffer.h"
#include "base/done.h"
#include "engine/idle_watch.h"
#include "engine/scheduler.h"
#include "engine/scheduler_core.h"

namespace accelerd {

/// A job that was submitted. Whoever still works on it holds it: the table until its caller has the answer, its
/// preparation, its runs.
struct JobEntry {
  JobEntry(std::shared_ptr<IdleWatch> watch, Job submitted) : token(std::move(watch)), job(std::move(submitted)) {}

  IdleWatch::Token token;  // First, so that it is given back after the model.
  JobId id{};
  Job job;  // `inputs` and `done` are guarded by the scheduler's mutex, `prepare` belongs to the one preparation.
  std::stop_source answered;  ///< A stop is requested when the caller has its answer.
};
using JobEntryPtr = std::shared_ptr<JobEntry>;

/// What the decisions of one event ask for, made under the mutex and carried out without it.
struct Errands {
  struct Start {
    JobEntryPtr entry;
    RunId run;
    std::shared_ptr<CompiledModel> compiled;
    Tensors inputs;
  };
  struct Answer {
    JobEntryPtr entry;
    Done<Tensors> done;
    absl::StatusOr<Tensors> result;
  };
  std::vector<Start> start;
  std::vector<Decisions::Hang> hangs;
  std::vector<ModelGeneration> suspects;
  std::shared_ptr<SchedulerObserver> observer;  ///< Of hangs and suspects.
  std::vector<JobEntryPtr> prepare;
  Tensors release;                  ///< Inputs that no run reads any more.
  std::vector<Done<>> device_idle;  ///< Waited for the end of the last run on their device.
  std::vector<Answer> answer;
};

/// kNoModel for null.
inline ModelGeneration GenerationOf(const ModelHandle& model) {
  return model == nullptr ? kNoModel : model->generation;
}

/// The entry's job as the core sees it.
JobInfo InfoOf(const JobEntry& entry);

/// How the run ended, as the core sees it.
Outcome OutcomeOf(const absl::Status& status);

/// What the caller gets of a run that was not the device's fault.
absl::StatusOr<Tensors> AnswerOf(absl::StatusOr<RunResult> result);

/// Tells the observer, if there is one, of hangs and suspects.
void ReportFaults(const Errands& errands);

}  // namespace accelerd

#endif  // ACCELERD_ENGINE_ERRANDS_H_
