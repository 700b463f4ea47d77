// SPDX-License-Identifier: Apache-2.0
// Times one step of self-supervised pretraining: views, forward pass of both views, losses,
// backward pass, AdamW. One JSON line on stdout with the keys of scripts/bench_ssl_peer.py.
#include <algorithm>
#include <iostream>
#include <numeric>
#include <string>
#include <vector>

#include <ATen/ATen.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "bench_support.h"
#include "sap/core/page_cache.h"
#include "sap/core/parallel.h"
#include "sap/ssl/heads.h"
#include "sap/ssl/ssl_losses.h"
#include "sap/ssl/views.h"
#include "sap/train/amp.h"
#include "sap/train/optimizer.h"

namespace sap {
namespace {

struct Settings {
  int64_t fs = 48;
  int64_t size = 96;
  int64_t batch = 2;
  std::string precision = "fp32";
  std::string kernels = "fused";
  std::string reconstruction = "vae";
  int threads = 2;
  int repeat = 3;
};

struct StepTime {
  double step_s = 0;
  double views_s = 0;  // part of it
};

class SslStep {
 public:
  explicit SslStep(const Settings& s) : settings_(s), net_(NetOptions(s)), optimizer_(Adam()) {
    crops_BCXYZ_ = at::rand({s.batch, 2, s.size, s.size, s.size});
    net_->train();
  }

  StepTime Run(uint64_t number) {
    StepTime time;
    time.step_s = bench::Seconds([&] {
      ssl::Views views;
      time.views_s = bench::Seconds([&] {
        ssl::ViewKey key{.seed = 1, .epoch = number, .sample_ids = {}};
        for (int64_t b = 0; b < settings_.batch; ++b) {
          key.sample_ids.push_back(static_cast<uint64_t>(b));
        }
        views = ssl::MakeViews(crops_BCXYZ_, {}, key);
      });
      optimizer_.ZeroGrad();
      ssl::SslOutput output;
      {
        const train::AutocastScope scope(settings_.precision == "bf16", at::kCPU);
        output = net_->forward(views.input_BCXYZ);
      }
      ssl::SslLoss(output, views, {}).total.backward();
      output = {};
      optimizer_.Step(1.0);
    });
    return time;
  }

 private:
  static ssl::SslNetOptions NetOptions(const Settings& s) {
    ssl::SslNetOptions options;
    options.reconstruction = EnumFromName<nn::Reconstruction>(s.reconstruction).value();
    options.encoder.feature_size = s.fs;
    options.encoder.patch_merging = nn::PatchMerging::kFixed;  // what the peer of today runs
    options.encoder.kernels = s.kernels == "fused" ? nn::Kernels::kFused : nn::Kernels::kReference;
    return options;
  }

  train::Optimizer Adam() {
    train::RateGroup group{.name = "all", .base_lr = 4e-4, .parameters = {}};
    for (const auto& item : net_->named_parameters()) {
      group.parameters.emplace_back(item.key(), item.value());
    }
    return {{group}, {.kind = train::OptimizerKind::kAdamW, .weight_decay = 0.1}};
  }

  Settings settings_;
  ssl::SslNet net_;
  train::Optimizer optimizer_;
  Tensor crops_BCXYZ_;
};

std::string Report(const Settings& s, std::vector<StepTime> times) {
  const auto sum = [&](double StepTime::*part) {
    return std::accumulate(times.begin(), times.end(), 0.0, [part](double total, const auto& t) {
      return total + t.*part;
    });
  };
  const double views_frac = sum(&StepTime::views_s) / sum(&StepTime::step_s);
  std::sort(times.begin(), times.end(), [](const StepTime& a, const StepTime& b) {
    return a.step_s < b.step_s;
  });
  nlohmann::ordered_json json = {{"peer", "sap " + s.kernels},
                                 {"mode", "ssl"},
                                 {"reconstruction", s.reconstruction},
                                 {"fs", s.fs},
                                 {"size", s.size},
                                 {"batch", s.batch},
                                 {"precision", s.precision},
                                 {"threads", s.threads},
                                 {"min_s", times.front().step_s},
                                 {"median_s", times[times.size() / 2].step_s},
                                 {"peak_rss_mib", bench::PeakRssMib()},
                                 {"views_frac", views_frac}};
  return json.dump();
}

Settings Parse(int argc, char** argv) {
  Settings s;
  CLI::App app("Times one step of self-supervised pretraining");
  app.add_option("--fs", s.fs);
  app.add_option("--size", s.size);
  app.add_option("--batch", s.batch);
  app.add_option("--precision", s.precision)->check(CLI::IsMember({"fp32", "bf16"}));
  app.add_option("--kernels", s.kernels)->check(CLI::IsMember({"fused", "reference"}));
  app.add_option("--reconstruction", s.reconstruction)
      ->check(CLI::IsMember(EnumWords<nn::Reconstruction>()));
  app.add_option("--threads", s.threads);
  app.add_option("--repeat", s.repeat)->check(CLI::Range(1, 1000));
  bench::ParseOrExit(app, argc, argv);
  return s;
}

void Run(const Settings& s) {
  SetNumThreads(s.threads);
  at::manual_seed(0);
  SslStep step(s);
  step.Run(0);  // warm
  std::vector<StepTime> times;
  for (int i = 1; i <= s.repeat; ++i) times.push_back(step.Run(static_cast<uint64_t>(i)));
  std::cout << Report(s, times) << "\n";
}

}  // namespace
}  // namespace sap

int main(int argc, char** argv) {
  sap::InstallPageCache();
  sap::Run(sap::Parse(argc, argv));
  return 0;
}
