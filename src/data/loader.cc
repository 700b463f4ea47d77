// SPDX-License-Identifier: Apache-2.0
#include "sap/data/loader.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <map>
#include <mutex>
#include <thread>

#include <ATen/ATen.h>

#include "data/patch_placement.h"
#include "sap/core/error.h"

namespace sap::data {
// Workers take batch numbers in turn and put results under their number; Next waits for the next
// number. A worker may be at most prefetch_batches ahead of Next, which bounds the memory.
struct Loader::State {
  std::shared_ptr<const VolumeStore> store;
  Epoch epoch;
  LoaderOptions options;
  int64_t num_batches = 0;

  std::mutex mutex;
  std::condition_variable_any changed;
  int64_t to_make = 0;     // next number for a worker
  int64_t to_deliver = 0;  // next number for Next
  std::map<int64_t, Batch> ready;
  std::exception_ptr error;
  double wait_s = 0;
  std::vector<std::jthread> workers;  // last: joined before the rest goes

  Batch Make(int64_t batch_idx) const;
  void CopyOne(const PatchRequest& request, float* image, uint8_t* label) const;
  void Work(const std::stop_token& stop);
};

void Loader::State::CopyOne(const PatchRequest& request, float* image, uint8_t* label) const {
  const PatchTransform transform = epoch.augment ? DrawTransform(*epoch.augment,
                                                                 epoch.patch_size_vox,
                                                                 store->NumChannels(),
                                                                 epoch.seed,
                                                                 epoch.epoch,
                                                                 request.sample_id)
                                                 : PatchTransform{};
  const auto case_idx = static_cast<std::size_t>(request.case_idx);
  try {
    const XyzInt begin_vox = CentredWhereShort(
        request.begin_vox, epoch.patch_size_vox, store->CaseAt(case_idx).size_vox);
    store->CopyPatch(case_idx, begin_vox, epoch.patch_size_vox, transform, image, label);
  } catch (const Error& cause) {  // the same error, with the case it happened at
    if (case_idx >= store->NumCases()) throw;
    const std::string case_id = store->CaseAt(case_idx).id;
    const std::string text = cause.what();
    throw Error(cause.kind(), text.starts_with(case_id) ? text : case_id + ": " + text);
  }
}

Batch Loader::State::Make(int64_t batch_idx) const {
  const auto total = static_cast<int64_t>(epoch.plan.size());
  Batch batch;
  batch.first_sample = batch_idx * options.batch_size;
  const int64_t num = std::min<int64_t>(options.batch_size, total - batch.first_sample);
  const XyzInt& size = epoch.patch_size_vox;
  const int64_t channels = store->NumChannels();
  batch.image_BCXYZ = at::empty({num, channels, size.x, size.y, size.z}, at::kFloat);
  auto* image = batch.image_BCXYZ.mutable_data_ptr<float>();
  uint8_t* label = nullptr;
  if (epoch.with_labels) {
    batch.label_B1XYZ = at::empty({num, 1, size.x, size.y, size.z}, at::kByte);
    label = batch.label_B1XYZ.mutable_data_ptr<uint8_t>();
  }
  for (int64_t b = 0; b < num; ++b) {
    const PatchRequest& request = epoch.plan[static_cast<std::size_t>(batch.first_sample + b)];
    CopyOne(request,
            image + b * channels * size.Product(),
            label == nullptr ? nullptr : label + b * size.Product());
    batch.case_ids.push_back(store->CaseAt(static_cast<std::size_t>(request.case_idx)).id);
    batch.requests.push_back(request);
  }
  if (options.channels_last) {
    batch.image_BCXYZ = batch.image_BCXYZ.contiguous(at::MemoryFormat::ChannelsLast3d);
  }
  return batch;
}

void Loader::State::Work(const std::stop_token& stop) {
  std::unique_lock lock(mutex);
  while (true) {
    const bool go_on = changed.wait(lock, stop, [&] {
      return error || to_make >= num_batches || to_make < to_deliver + options.prefetch_batches;
    });
    if (!go_on || stop.stop_requested() || error || to_make >= num_batches) return;
    const int64_t batch_idx = to_make++;
    lock.unlock();
    try {
      Batch batch = Make(batch_idx);
      lock.lock();
      ready.emplace(batch_idx, std::move(batch));
    } catch (...) {  // handed to Next, which throws it
      if (!lock.owns_lock()) lock.lock();
      if (!error) error = std::current_exception();
    }
    changed.notify_all();
  }
}

Loader::Loader(std::shared_ptr<const VolumeStore> store, Epoch epoch, const LoaderOptions& options)
    : state_(std::make_unique<State>()) {
  SAP_CHECK(epoch.patch_size_vox.Product() > 0 && options.batch_size > 0);
  if (epoch.augment) CheckAugment(*epoch.augment, store->NumChannels());
  State& s = *state_;
  s.store = std::move(store);
  s.epoch = std::move(epoch);
  s.options = options;
  const auto total = static_cast<int64_t>(s.epoch.plan.size());
  s.num_batches = (total + options.batch_size - 1) / options.batch_size;
  s.to_make = s.to_deliver = std::min(s.epoch.start_batch, s.num_batches);
  for (int w = 0; w < options.num_workers; ++w) {
    s.workers.emplace_back([&s](const std::stop_token& stop) { s.Work(stop); });
  }
}

Loader::~Loader() {
  for (std::jthread& worker : state_->workers) worker.request_stop();
}

std::optional<Batch> Loader::Next() {
  State& s = *state_;
  const auto start = std::chrono::steady_clock::now();
  std::unique_lock lock(s.mutex);
  if (s.to_deliver >= s.num_batches) return std::nullopt;
  const int64_t batch_idx = s.to_deliver;
  std::optional<Batch> batch;
  if (s.workers.empty()) {
    batch = s.Make(batch_idx);
  } else {
    s.changed.wait(lock, [&] { return s.error || s.ready.contains(batch_idx); });
    if (s.error) std::rethrow_exception(s.error);
    batch = std::move(s.ready.extract(batch_idx).mapped());
  }
  ++s.to_deliver;
  const std::chrono::duration<double> waited = std::chrono::steady_clock::now() - start;
  s.wait_s += waited.count();
  s.changed.notify_all();
  return batch;
}

int64_t Loader::NumBatches() const {
  return state_->num_batches;
}

double Loader::wait_s() const {
  const std::lock_guard lock(state_->mutex);
  return state_->wait_s;
}

}  // namespace sap::data
