// SPDX-License-Identifier: Apache-2.0
// Times the network as a user runs it; one JSON line on stdout with the keys of the peer's
// benchmark, so that scripts/bench_model.sh can print ratios.
#include <algorithm>
#include <functional>
#include <iostream>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench_support.h"
#include "sap/core/page_cache.h"
#include "sap/core/parallel.h"
#include "sap/infer/sliding_window.h"
#include "sap/nn/losses.h"
#include "sap/nn/swin_unetr.h"
#include "sap/train/amp.h"
#include "sap/train/optimizer.h"

namespace sap {
namespace {

struct Settings {
  std::string mode;
  int64_t fs = 48;
  int64_t size = 96;
  int64_t out = 2;
  int64_t batch = 1;
  double drop = 0.0;
  std::string precision = "fp32";
  std::string kernels = "fused";
  int threads = 2;
  int repeat = 3;
  double overlap = 0.5;
  int sw_batch = 4;
  std::vector<int64_t> volume = {128, 128, 384};
  bool checkpoint = false;
};

nn::SwinUnetr MakeModel(const Settings& s) {
  nn::SwinUnetrOptions options;
  options.feature_size = s.fs;
  options.out_channels = s.out;
  options.drop_rate = options.attn_drop_rate = options.drop_path_rate = s.drop;
  options.patch_merging = nn::PatchMerging::kFixed;  // what the peer of today runs
  options.kernels = s.kernels == "fused" ? nn::Kernels::kFused : nn::Kernels::kReference;
  options.activation_checkpointing = s.checkpoint;
  return nn::SwinUnetr(options);
}

std::vector<double> Timed(const Settings& s, const std::function<void()>& run) {
  run();
  std::vector<double> times_s;
  for (int i = 0; i < s.repeat; ++i) {
    times_s.push_back(bench::Seconds(run));
  }
  std::sort(times_s.begin(), times_s.end());
  return times_s;
}

// Forward, loss, backward and Adam with L2 on one batch.
std::vector<double> TimeTraining(const Settings& s, nn::SwinUnetr& model, const Tensor& image) {
  model->train();
  const Tensor label = at::rand({s.batch, 1, s.size, s.size, s.size}).lt(0.02).to(at::kFloat);
  train::RateGroup group{.name = "all", .base_lr = 1e-5, .parameters = {}};
  for (const auto& item : model->named_parameters()) {
    group.parameters.emplace_back(item.key(), item.value());
  }
  train::Optimizer optimizer({group}, {});
  return Timed(s, [&] {
    optimizer.ZeroGrad();
    Tensor logits;
    {
      const train::AutocastScope scope(s.precision == "bf16", at::kCPU);
      logits = model->forward(image);
    }
    nn::DiceCeLoss(logits.to(at::kFloat), label, {}).total.backward();
    logits.reset();
    optimizer.Step(1.0);
  });
}

std::vector<double> TimeInference(const Settings& s, nn::SwinUnetr& model, const Tensor& image) {
  model->eval();
  const auto predict = [&](const Tensor& window_BCXYZ) {
    const train::AutocastScope scope(s.precision == "bf16", at::kCPU);
    return model->forward(window_BCXYZ);
  };
  const Tensor volume = at::rand({2, s.volume[0], s.volume[1], s.volume[2]});
  infer::SlidingWindowOptions options;
  options.window_vox = XyzInt::Same(s.size);
  options.overlap_frac = s.overlap;
  options.windows_per_batch = s.sw_batch;
  return Timed(s, [&] {
    const c10::InferenceMode inference;
    if (s.mode == "forward") {
      predict(image);
    } else {
      infer::StitchWindows(volume, predict, options);
    }
  });
}

std::string Report(const Settings& s, const std::vector<double>& times_s) {
  nlohmann::ordered_json json = {{"peer", "sap " + s.kernels},
                                 {"mode", s.mode},
                                 {"fs", s.fs},
                                 {"size", s.size},
                                 {"batch", s.batch},
                                 {"precision", s.precision},
                                 {"drop", s.drop},
                                 {"threads", s.threads},
                                 {"min_s", times_s.front()},
                                 {"median_s", times_s[times_s.size() / 2]},
                                 {"peak_rss_mib", bench::PeakRssMib()},
                                 {"peak_tensor_mib", GetPageCacheStats().peak_in_use_bytes >> 20}};
  return json.dump();
}

Settings Parse(int argc, char** argv) {
  Settings s;
  CLI::App app("Times the Swin UNETR of sap");
  app.add_option("mode", s.mode)->required()->check(CLI::IsMember({"forward", "train", "sliding"}));
  app.add_option("--fs", s.fs);
  app.add_option("--size", s.size);
  app.add_option("--out", s.out);
  app.add_option("--batch", s.batch);
  app.add_option("--drop", s.drop);
  app.add_option("--precision", s.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--kernels", s.kernels)->check(CLI::IsMember({"fused", "reference"}));
  app.add_option("--threads", s.threads);
  app.add_option("--repeat", s.repeat);
  app.add_option("--overlap", s.overlap);
  app.add_option("--sw-batch", s.sw_batch);
  app.add_option("--volume", s.volume)->delimiter(',')->expected(3);
  app.add_flag("--checkpoint", s.checkpoint);
  bench::ParseOrExit(app, argc, argv);
  return s;
}

void Run(const Settings& s) {
  SetNumThreads(s.threads);
  at::manual_seed(0);
  nn::SwinUnetr model = MakeModel(s);
  const Tensor image = at::rand({s.batch, 2, s.size, s.size, s.size});
  const auto times_s =
      s.mode == "train" ? TimeTraining(s, model, image) : TimeInference(s, model, image);
  std::cout << Report(s, times_s) << "\n";
}

}  // namespace
}  // namespace sap

int main(int argc, char** argv) {
  sap::InstallPageCache();
  sap::Run(sap::Parse(argc, argv));
  return 0;
}
