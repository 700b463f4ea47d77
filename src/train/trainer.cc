// SPDX-License-Identifier: Apache-2.0
#include "sap/train/trainer.h"

#include <chrono>
#include <cmath>

#include <ATen/CPUGeneratorImpl.h>

#include "sap/core/error.h"
#include "sap/core/log.h"
#include "sap/core/progress.h"
#include "sap/nn/swin_unetr.h"
#include "sap/nn/weights_io.h"
#include "sap/train/fault_hook.h"
#include "sap/train/stop_signal.h"

namespace sap::train {
namespace {

using SteadyClock = std::chrono::steady_clock;

double SecondsSince(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

Tensor GeneratorState() {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  return generator.get_state().clone();
}

void SetGeneratorState(const Tensor& state) {
  auto generator = at::detail::getDefaultCPUGenerator();
  const std::lock_guard lock(generator.mutex());
  generator.set_state(state);
}

void LoadModel(torch::nn::Module& model, const std::vector<std::pair<std::string, Tensor>>& saved) {
  const std::map<std::string, Tensor> by_name(saved.begin(), saved.end());
  const at::NoGradGuard no_grad;
  for (auto& [name, tensor] : nn::StateDict(model)) {
    const auto found = by_name.find(name);
    SAP_REQUIRE(ErrorKind::kInput,
                found != by_name.end() && found->second.sizes() == tensor.sizes(),
                "checkpoint: {} is missing or has another shape; it is of another model",
                name);
    tensor.copy_(found->second);
  }
}

}  // namespace

struct Trainer::Clock {
  SteadyClock::time_point started = SteadyClock::now();
  SteadyClock::time_point saved = SteadyClock::now();
  SteadyClock::time_point epoch = SteadyClock::now();
  double trained_before_s = 0;
  double wait_s = 0;  // for data, in this epoch
};

Trainer::Trainer(Task& task,
                 Optimizer& optimizer,
                 RunDir& run,
                 const TrainerOptions& options,
                 WeightsMetadata metadata,
                 std::string run_hash)
    : task_(task),
      optimizer_(optimizer),
      run_(run),
      options_(options),
      metadata_(std::move(metadata)),
      run_hash_(std::move(run_hash)),
      clock_(std::make_unique<Clock>()) {}

Trainer::~Trainer() = default;

TrainOutcome Trainer::Run() {
  const StopSignal signals;
  Restore();
  while (!Done()) {
    if (!TrainEpoch()) {
      Save();
      log::Info("stopped by {} after step {}; run the same command again to continue",
                StopSignal::Name(),
                state_.step);
      return TrainOutcome::kStopped;
    }
    EndEpoch();
    SaveIfDue(/*end_of_epoch=*/true);
  }
  Finish();
  return TrainOutcome::kFinished;
}

void Trainer::Restore() {
  if (run_.status() == RunDir::Status::kResumable) {
    if (const auto checkpoint = LoadNewestCheckpoint(run_.files().Checkpoints(), run_hash_)) {
      state_ = checkpoint->state;
      LoadModel(task_.Model(), checkpoint->model);
      optimizer_.LoadState(checkpoint->optimizer);
      SetGeneratorState(checkpoint->generator);
      log::Info("resumed at step {} (epoch {}, step {} of it)",
                state_.step,
                state_.epoch,
                state_.step_in_epoch);
    }
  }
  clock_->trained_before_s = state_.trained_s;
  metrics_ = std::make_unique<MetricsLog>(run_.files(), state_.step);
}

bool Trainer::Done() const {
  if (state_.step_in_epoch > 0) return false;  // stopped before the epoch's validation
  return options_.max_steps ? state_.step >= *options_.max_steps
                            : state_.epoch >= options_.max_epochs;
}

int64_t Trainer::NumEpochs() const {
  if (!options_.max_steps) return options_.max_epochs;
  const int64_t steps = task_.StepsPerEpoch();
  return (*options_.max_steps + steps - 1) / steps;
}

double Trainer::CurrentRateFactor() const {
  if (!options_.schedule.warmup_steps) {
    return RateFactor(options_.schedule, state_.epoch, NumEpochs());
  }
  const int64_t num_steps =
      options_.max_steps.value_or(options_.max_epochs * task_.StepsPerEpoch());
  return StepRateFactor(options_.schedule, state_.step, num_steps);
}

bool Trainer::TrainEpoch() {
  task_.Model().train();
  clock_->epoch = SteadyClock::now();
  int64_t num_steps = task_.StepsPerEpoch() - state_.step_in_epoch;
  if (options_.max_steps) num_steps = std::min(num_steps, *options_.max_steps - state_.step);
  const auto batches = task_.Batches(state_.epoch, state_.step_in_epoch);
  Progress progress(fmt::format("epoch {}/{}", state_.epoch + 1, NumEpochs()), num_steps);
  for (int64_t k = 0; k < num_steps; ++k) {
    const auto batch = batches->Next();
    SAP_CHECK(batch.has_value(), "epoch {} ended after {} steps", state_.epoch, k);
    const double loss = Step(*batch);
    fault::Reach("step");
    progress.Advance(1, fmt::format("loss {:.4f}", loss));
    if (StopSignal::Requested()) return false;
    SaveIfDue(/*end_of_epoch=*/false);
  }
  clock_->wait_s = batches->wait_s();
  return true;
}

double Trainer::Step(const data::Batch& batch) {
  const double factor = CurrentRateFactor();
  optimizer_.ZeroGrad();
  const LossParts loss = task_.Loss(batch);
  const double value = loss.total.item<double>();
  const auto names = [&] { return fmt::format("{}", fmt::join(batch.case_ids, ", ")); };
  SAP_REQUIRE(ErrorKind::kNumeric,
              std::isfinite(value),
              "step {}: the loss is {} with patches of {}; nothing was updated. Look at these "
              "cases, or lower the learning rate",
              state_.step,
              value,
              names());
  loss.total.backward();
  const double norm = optimizer_.GradNorm();
  SAP_REQUIRE(ErrorKind::kNumeric,
              std::isfinite(norm),
              "step {}: the gradient is not finite with patches of {}; nothing was updated. Look "
              "at these cases, or lower the learning rate",
              state_.step,
              names());
  if (options_.max_grad_norm > 0) optimizer_.ClipGradNorm(norm, options_.max_grad_norm);
  optimizer_.Step(factor);
  ++state_.step;
  ++state_.step_in_epoch;
  state_.epoch_loss_sum += value;
  if (state_.step % options_.log_interval_steps == 0) {
    Numbers numbers = loss.parts;
    numbers["loss"] = value;
    numbers["grad_norm"] = norm;
    for (const RateGroup& group : optimizer_.groups()) {
      numbers["lr_" + group.name] = group.base_lr * factor;
    }
    metrics_->Write("step", state_.step, state_.epoch, numbers);
  }
  return value;
}

void Trainer::EndEpoch() {
  const double epoch_s = SecondsSince(clock_->epoch);
  const double mean = state_.epoch_loss_sum / static_cast<double>(state_.step_in_epoch);
  metrics_->Write("epoch",
                  state_.step,
                  state_.epoch,
                  {{"loss", mean},
                   {"rate_factor", CurrentRateFactor()},
                   {"epoch_s", epoch_s},
                   {"data_wait_frac", epoch_s > 0 ? clock_->wait_s / epoch_s : 0}});
  const bool last = state_.epoch + 1 == NumEpochs();
  if (last || (state_.epoch + 1) % options_.val_interval == 0) Validate();
  ++state_.epoch;
  state_.step_in_epoch = 0;
  state_.epoch_loss_sum = 0;
}

void Trainer::Validate() {
  task_.Model().eval();
  const auto start = SteadyClock::now();
  const auto scores = task_.Validate();
  task_.Model().train();
  if (!scores) return;
  Numbers numbers = scores->numbers;
  numbers["score"] = scores->score;
  numbers["validation_s"] = SecondsSince(start);
  metrics_->Write("validation", state_.step, state_.epoch, numbers);
  log::Info("epoch {}: loss {:.4f}, validation score {:.4f}",
            state_.epoch + 1,
            state_.epoch_loss_sum / static_cast<double>(std::max<int64_t>(state_.step_in_epoch, 1)),
            scores->score);
  if (std::isfinite(scores->score) && (!state_.best_score || scores->score > *state_.best_score)) {
    state_.best_score = scores->score;
    state_.best_epoch = state_.epoch;
    WriteWeights(run_.files().Best());
  }
  metrics_->DrawProgress();
}

void Trainer::SaveIfDue(bool end_of_epoch) {
  const bool by_epoch = end_of_epoch && state_.epoch % options_.save_interval_epochs == 0;
  const bool by_time = SecondsSince(clock_->saved) >= options_.save_interval_min * 60;
  if (!by_epoch && !by_time) return;
  try {
    Save();
    last_save_fault_.clear();
  } catch (const Error& error) {
    // A full disk must not cost the training done so far: the older checkpoint stays, the next
    // interval tries again, and the run ends with an error if the last try failed.
    if (error.kind() != ErrorKind::kIo) throw;
    last_save_fault_ = error.what();
    log::Warning("checkpoint not saved: {}", error.what());
  }
  clock_->saved = SteadyClock::now();
}

void Trainer::Save() {
  state_.trained_s = clock_->trained_before_s + SecondsSince(clock_->started);
  SaveCheckpoint(run_.files().Checkpoints(),
                 {.state = state_,
                  .model = nn::StateDict(task_.Model()),
                  .optimizer = optimizer_.State(),
                  .generator = GeneratorState(),
                  .run_hash = run_hash_},
                 options_.keep_checkpoints);
}

void Trainer::WriteWeights(const fs::path& path) const {
  WeightsMetadata metadata = metadata_;
  metadata["sap.step"] = fmt::format("{}", state_.step);
  metadata["sap.epoch"] = fmt::format("{}", state_.epoch);
  nn::WriteSafetensors(path, {.entries = nn::StateDict(task_.Model()), .metadata = metadata});
}

void Trainer::Finish() {
  if (!last_save_fault_.empty()) Save();  // throws with the cause when it still cannot
  WriteWeights(run_.files().Final());
  metrics_->DrawProgress();
  log::Info("finished after {} steps{}",
            state_.step,
            state_.best_score ? fmt::format("; best validation score {:.4f} in epoch {}",
                                            *state_.best_score,
                                            state_.best_epoch + 1)
                              : "");
}

}  // namespace sap::train
