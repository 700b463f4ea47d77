// SPDX-License-Identifier: Apache-2.0
#include "nn/checkpoint.h"

#include <mutex>
#include <utility>

#include <ATen/ATen.h>
#include <ATen/autocast_mode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/custom_class.h>

namespace sap::nn {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;
using Body = std::function<Tensor(const Tensor&)>;

Tensor GeneratorState(const c10::Device& device) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  return generator.get_state();
}

void SetGeneratorState(const c10::Device& device, const Tensor& state) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard<std::mutex> lock(generator.mutex());
  generator.set_state(state);
}

// Puts a generator back to `state` for a while.
class GeneratorGuard {
 public:
  GeneratorGuard(const c10::Device& device, const Tensor& state)
      : device_(device), outer_(GeneratorState(device)) {
    SetGeneratorState(device, state);
  }
  ~GeneratorGuard() { SetGeneratorState(device_, outer_); }
  GeneratorGuard(const GeneratorGuard&) = delete;
  GeneratorGuard& operator=(const GeneratorGuard&) = delete;

 private:
  c10::Device device_;
  Tensor outer_;
};

struct AutocastState {
  bool enabled = false;
  at::ScalarType dtype = at::kFloat;
  bool cache = true;

  static AutocastState Now(at::DeviceType device) {
    return {at::autocast::is_autocast_enabled(device),
            at::autocast::get_autocast_dtype(device),
            at::autocast::is_autocast_cache_enabled()};
  }
  void Apply(at::DeviceType device) const {
    at::autocast::set_autocast_enabled(device, enabled);
    at::autocast::set_autocast_dtype(device, dtype);
    at::autocast::set_autocast_cache_enabled(cache);
  }
};

// Runs under another autocast state, always without its cache of casts: a cast made while no
// graph is recorded would be reused later without a path to its weight.
class AutocastGuard {
 public:
  AutocastGuard(at::DeviceType device, AutocastState state)
      : device_(device), outer_(AutocastState::Now(device)) {
    state.cache = false;
    state.Apply(device);
  }
  ~AutocastGuard() { outer_.Apply(device_); }
  AutocastGuard(const AutocastGuard&) = delete;
  AutocastGuard& operator=(const AutocastGuard&) = delete;

 private:
  at::DeviceType device_;
  AutocastState outer_;
};

// Carries a C++ function through the graph's record of saved values.
struct BodyHolder : public torch::CustomClassHolder {
  explicit BodyHolder(Body b) : body(std::move(b)) {}
  Body body;
};

class Recompute : public torch::autograd::Function<Recompute> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x, const Body& body) {
    const AutocastState autocast = AutocastState::Now(x.device().type());
    ctx->save_for_backward({x});
    ctx->saved_data["generator"] = GeneratorState(x.device());
    ctx->saved_data["autocast"] = autocast.enabled;
    ctx->saved_data["dtype"] = static_cast<int64_t>(autocast.dtype);
    ctx->saved_data["body"] = c10::IValue::make_capsule(c10::make_intrusive<BodyHolder>(body));
    const AutocastGuard no_cache(x.device().type(), autocast);
    return body(x);  // a Function's forward records no graph
  }

  static variable_list backward(AutogradContext* ctx, const variable_list& grads) {
    const Tensor x = ctx->get_saved_variables()[0].detach().requires_grad_();
    const AutocastState autocast = {ctx->saved_data["autocast"].toBool(),
                                    static_cast<at::ScalarType>(ctx->saved_data["dtype"].toInt()),
                                    false};
    {
      const at::AutoGradMode record(true);
      const GeneratorGuard generator(x.device(), ctx->saved_data["generator"].toTensor());
      Tensor out;
      {
        const AutocastGuard same_casts(x.device().type(), autocast);
        const auto holder =
            c10::static_intrusive_pointer_cast<BodyHolder>(ctx->saved_data["body"].toCapsule());
        out = holder->body(x);
      }
      torch::autograd::backward({out}, {grads[0]});
    }
    return {x.grad(), Tensor()};
  }
};

}  // namespace

Tensor Checkpoint(const Body& body, const Tensor& x) {
  if (!at::GradMode::is_enabled() || !x.requires_grad()) return body(x);
  return Recompute::apply(x, body);
}

}  // namespace sap::nn
