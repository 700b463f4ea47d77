// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sap/core/tensor.h"
#include "sap/data/augment.h"
#include "sap/data/instance_sampler.h"
#include "sap/data/volume_store.h"

namespace sap::data {

struct LoaderOptions {
  int batch_size = 2;
  int num_workers = 1;
  int prefetch_batches = 4;
  bool channels_last = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("batch_size", batch_size).Help("patches per step and process").Range(1, 1024);
    v.Field("num_workers", num_workers)
        .Help("threads that prepare batches; 0 = in the training thread")
        .Range(0, 256);
    v.Field("prefetch_batches", prefetch_batches).Help("batches kept ready").Range(1, 64);
    v.Field("channels_last", channels_last).Help("channels-last memory format of the images");
  }
};

struct Batch {
  Tensor image_BCXYZ;  // float32, CPU
  Tensor label_B1XYZ;  // uint8 classes; undefined without labels
  std::vector<std::string> case_ids;
  EpochPlan requests;        // what the patches are
  int64_t first_sample = 0;  // position of the batch's first patch in the plan
};

// The batches of one epoch in the order of the plan, the same for any number of workers. The
// last batch may be smaller.
class Loader {
 public:
  // augment: none leaves patches as stored; start_batch: where to resume.
  struct Epoch {
    EpochPlan plan;
    XyzInt patch_size_vox;
    std::optional<AugmentOptions> augment;
    uint64_t seed = 0;
    uint64_t epoch = 0;
    int64_t start_batch = 0;
    bool with_labels = true;
  };
  Loader(std::shared_ptr<const VolumeStore> store, Epoch epoch, const LoaderOptions& options);
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;
  ~Loader();  // stops the workers, whatever they are doing

  // Nothing after the last batch. The first error of a worker is thrown here, with its case id.
  std::optional<Batch> Next();

  int64_t NumBatches() const;  // of the whole epoch
  double wait_s() const;       // time that Next spent waiting for workers

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sap::data
