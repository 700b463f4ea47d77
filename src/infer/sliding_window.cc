// SPDX-License-Identifier: Apache-2.0
#include "sap/infer/sliding_window.h"

#include <algorithm>
#include <cmath>

#include <ATen/ATen.h>

#include "infer/window_plan.h"
#include "sap/core/error.h"

namespace sap::infer {
namespace {

constexpr double kSigmaScale = 0.125;  // standard deviation / window edge (§3.2)
constexpr double kSmallestWeight = 1e-3;

Tensor GaussianOfAxis(int64_t length) {
  const double sigma = kSigmaScale * static_cast<double>(length);
  const Tensor x = at::arange(length, at::kFloat) - static_cast<double>(length - 1) / 2.0;
  return at::exp(x.square() / (-2.0 * sigma * sigma));
}

// Weighted sums of the windows that reach into the present slab. The slab is as long as a window
// along `axis`; Advance hands over its finished front and moves on.
class SlabSums {
 public:
  SlabSums(const WindowPlan& plan, int axis, const Tensor& weight_XYZ)
      : plan_(plan), axis_(axis), weight_XYZ_(weight_XYZ) {}

  void Add(const Tensor& logits_KXYZ, const XyzInt& start_vox) {
    if (!sums_KXYZ_.defined()) Allocate(logits_KXYZ.size(0));
    XyzInt in_slab = start_vox;
    in_slab[static_cast<std::size_t>(axis_)] = 0;
    Tensor target_KXYZ = WindowOf(sums_KXYZ_, plan_, in_slab);
    if (weight_is_one_) {
      target_KXYZ.add_(logits_KXYZ);
    } else {
      target_KXYZ.addcmul_(logits_KXYZ, weight_XYZ_.unsqueeze(0));
    }
    WindowOf(weights_XYZ_, plan_, in_slab).add_(weight_XYZ_);
  }

  // Blended logits of the first num_vox planes, background where no window came.
  Tensor Finish(int64_t num_vox) const {
    const Tensor weights_XYZ = weights_XYZ_.narrow(axis_, 0, num_vox);
    const Tensor empty_XYZ = weights_XYZ == 0;
    Tensor logits_KXYZ = sums_KXYZ_.narrow(1 + axis_, 0, num_vox) / weights_XYZ.unsqueeze(0);
    logits_KXYZ[0].masked_fill_(empty_XYZ, 0.0F);
    if (logits_KXYZ.size(0) > 1) {
      logits_KXYZ.narrow(0, 1, logits_KXYZ.size(0) - 1).masked_fill_(empty_XYZ, kBackgroundLogit);
    }
    return logits_KXYZ;
  }

  void Advance(int64_t num_vox) {
    sums_KXYZ_ = Shifted(sums_KXYZ_, 1 + axis_, num_vox);
    weights_XYZ_ = Shifted(weights_XYZ_, axis_, num_vox);
  }

  void Allocate(int64_t num_classes) {
    XyzInt size = plan_.padded_vox;
    size[static_cast<std::size_t>(axis_)] = plan_.window_vox[static_cast<std::size_t>(axis_)];
    const auto kind = weight_XYZ_.options().dtype(at::kFloat);
    sums_KXYZ_ = at::zeros({num_classes, size.x, size.y, size.z}, kind);
    weights_XYZ_ = at::zeros({size.x, size.y, size.z}, kind);
    weight_is_one_ = (weight_XYZ_ == 1).all().item<bool>();
  }

 private:
  static Tensor Shifted(const Tensor& sums, int64_t dim, int64_t num_vox) {
    Tensor moved = at::zeros_like(sums);
    const int64_t kept = sums.size(dim) - num_vox;
    if (kept > 0) moved.narrow(dim, 0, kept).copy_(sums.narrow(dim, num_vox, kept));
    return moved;
  }

  const WindowPlan& plan_;
  int axis_;
  Tensor weight_XYZ_;
  bool weight_is_one_ = true;
  Tensor sums_KXYZ_;
  Tensor weights_XYZ_;
};

// The windows to evaluate, by the slab in which they start.
struct Slabs {
  std::vector<std::vector<XyzInt>> windows;
  XyzInt first_window;
  int64_t total = 0;
};

Slabs PlanSlabs(const WindowPlan& plan, int axis, const Tensor& mask_XYZ) {
  const Tensor padded_mask_XYZ = mask_XYZ.defined() ? PadToPlan(mask_XYZ, plan) : Tensor();
  Slabs slabs;
  for (const int64_t start : plan.starts_vox[static_cast<std::size_t>(axis)]) {
    slabs.windows.push_back(WindowsOfSlab(plan, axis, start, padded_mask_XYZ));
    const std::vector<XyzInt>& windows = slabs.windows.back();
    if (slabs.total == 0 && !windows.empty()) slabs.first_window = windows[0];
    slabs.total += static_cast<int64_t>(windows.size());
  }
  return slabs;
}

std::vector<std::vector<XyzInt>> Batches(const std::vector<XyzInt>& windows, int size) {
  std::vector<std::vector<XyzInt>> batches;
  for (const XyzInt& window : windows) {
    if (batches.empty() || std::ssize(batches.back()) == size) batches.emplace_back();
    batches.back().push_back(window);
  }
  return batches;
}

Tensor PredictBatch(const Tensor& padded_CXYZ,
                    const WindowPlan& plan,
                    const Predictor& predict,
                    const std::vector<XyzInt>& starts_vox) {
  std::vector<Tensor> windows_CXYZ;
  for (const XyzInt& start : starts_vox) {
    windows_CXYZ.push_back(WindowOf(padded_CXYZ, plan, start));
  }
  const Tensor logits_BKXYZ = predict(at::stack(windows_CXYZ));
  const XyzInt& window = plan.window_vox;
  SAP_CHECK(logits_BKXYZ.dim() == 5 &&
                logits_BKXYZ.size(0) == static_cast<int64_t>(starts_vox.size()) &&
                logits_BKXYZ.sizes().slice(2) == at::IntArrayRef({window.x, window.y, window.z}),
            "the predictor gave {} for {} windows of {}",
            ShapeString(logits_BKXYZ),
            starts_vox.size(),
            window);
  return logits_BKXYZ.to(padded_CXYZ.device(), at::kFloat);
}

// Crops a finished slab to the volume and applies the definition outside the body.
void HandOver(const SlabSums& sums,
              const WindowPlan& plan,
              int axis,
              int64_t begin_vox,
              int64_t num_vox,
              const Tensor& body_mask_XYZ,
              const SlabSink& sink) {
  Tensor logits_KXYZ = sums.Finish(num_vox);
  XyzInt begin = {0, 0, 0};
  begin[static_cast<std::size_t>(axis)] = begin_vox;
  Box kept;  // in the volume
  for (std::size_t a = 0; a < 3; ++a) {
    const int64_t length = static_cast<int64_t>(a) == axis ? num_vox : plan.padded_vox[a];
    kept.begin_vox[a] = std::max<int64_t>(0, begin[a] - plan.pad_before_vox[a]);
    kept.end_vox[a] = std::min(plan.size_vox[a], begin[a] + length - plan.pad_before_vox[a]);
    if (kept.begin_vox[a] >= kept.end_vox[a]) return;  // padding only
    logits_KXYZ = logits_KXYZ.narrow(1 + static_cast<int64_t>(a),
                                     kept.begin_vox[a] + plan.pad_before_vox[a] - begin[a],
                                     kept.end_vox[a] - kept.begin_vox[a]);
  }
  const int64_t first = kept.begin_vox[static_cast<std::size_t>(axis)];
  if (body_mask_XYZ.defined()) {
    const Tensor outside_XYZ =
        body_mask_XYZ.narrow(axis, first, logits_KXYZ.size(1 + axis)).logical_not();
    for (int64_t k = 0; k < logits_KXYZ.size(0); ++k) {
      logits_KXYZ[k].masked_fill_(outside_XYZ, k == 0 ? 0.0F : kBackgroundLogit);
    }
  }
  sink(first, logits_KXYZ);
}

Tensor CheckedMask(const Tensor& body_mask_XYZ, const Tensor& image_CXYZ) {
  if (!body_mask_XYZ.defined()) return {};
  SAP_CHECK(body_mask_XYZ.sizes() == image_CXYZ.sizes().slice(1),
            "mask {} for image {}",
            ShapeString(body_mask_XYZ),
            ShapeString(image_CXYZ));
  return body_mask_XYZ.to(image_CXYZ.device(), at::kBool);
}

}  // namespace

Tensor ImportanceMap(const XyzInt& window_vox, Blend blend) {
  if (blend == Blend::kConstant) return at::ones({window_vox.x, window_vox.y, window_vox.z});
  Tensor map_XYZ = GaussianOfAxis(window_vox.x).view({-1, 1, 1}) *
                   GaussianOfAxis(window_vox.y).view({1, -1, 1}) *
                   GaussianOfAxis(window_vox.z).view({1, 1, -1});
  return map_XYZ.clamp_min(std::max(map_XYZ.min().item<double>(), kSmallestWeight));
}

void StitchSlabs(const Tensor& image_CXYZ,
                 const Predictor& predict,
                 const SlidingWindowOptions& options,
                 const Tensor& body_mask_XYZ,
                 int axis,
                 const SlabSink& sink,
                 const WindowCount& on_windows) {
  SAP_CHECK(image_CXYZ.dim() == 4 && axis >= 0 && axis < 3, "{}", ShapeString(image_CXYZ));
  const at::NoGradGuard no_grad;
  const Tensor mask_XYZ = CheckedMask(body_mask_XYZ, image_CXYZ);
  const WindowPlan plan =
      PlanWindows({image_CXYZ.size(1), image_CXYZ.size(2), image_CXYZ.size(3)}, options);
  const Tensor padded_CXYZ = PadToPlan(image_CXYZ, plan);
  const std::vector<int64_t>& slab_starts = plan.starts_vox[static_cast<std::size_t>(axis)];
  const Slabs slabs = PlanSlabs(plan, axis, mask_XYZ);
  SlabSums sums(plan, axis, ImportanceMap(plan.window_vox, options.blend).to(image_CXYZ.device()));
  // The number of classes is known from the first answer; a body-free front needs it sooner.
  if (slabs.windows[0].empty()) {
    sums.Allocate(PredictBatch(padded_CXYZ, plan, predict, {slabs.first_window}).size(1));
  }
  int64_t done = 0;
  for (std::size_t s = 0; s < slab_starts.size(); ++s) {
    for (const std::vector<XyzInt>& starts : Batches(slabs.windows[s], options.windows_per_batch)) {
      const Tensor logits_BKXYZ = PredictBatch(padded_CXYZ, plan, predict, starts);
      for (std::size_t b = 0; b < starts.size(); ++b) {
        sums.Add(logits_BKXYZ[static_cast<int64_t>(b)], starts[b]);
      }
      done += static_cast<int64_t>(starts.size());
      if (on_windows) on_windows(done, slabs.total);
    }
    const bool last = s + 1 == slab_starts.size();
    const int64_t finished_vox = last ? plan.window_vox[static_cast<std::size_t>(axis)]
                                      : slab_starts[s + 1] - slab_starts[s];
    HandOver(sums, plan, axis, slab_starts[s], finished_vox, mask_XYZ, sink);
    if (!last) sums.Advance(finished_vox);
  }
}

Tensor StitchWindows(const Tensor& image_CXYZ,
                     const Predictor& predict,
                     const SlidingWindowOptions& options,
                     const Tensor& body_mask_XYZ) {
  Tensor result_KXYZ;
  // Axis 0 is MONAI's slowest, so sums add up in its order.
  StitchSlabs(
      image_CXYZ,
      predict,
      options,
      body_mask_XYZ,
      /*axis=*/0,
      [&](int64_t begin_vox, const Tensor& logits_KXYZ) {
        if (!result_KXYZ.defined()) {
          result_KXYZ = at::empty(
              {logits_KXYZ.size(0), image_CXYZ.size(1), image_CXYZ.size(2), image_CXYZ.size(3)},
              logits_KXYZ.options());
        }
        result_KXYZ.narrow(1, begin_vox, logits_KXYZ.size(1)).copy_(logits_KXYZ);
      });
  return result_KXYZ;
}

WindowNumbers CountWindows(const XyzInt& size_vox,
                           const SlidingWindowOptions& options,
                           const Tensor& body_mask_XYZ) {
  const WindowPlan plan = PlanWindows(size_vox, options);
  const Tensor mask_XYZ =
      body_mask_XYZ.defined() ? PadToPlan(body_mask_XYZ.to(at::kBool), plan) : Tensor();
  WindowNumbers numbers;
  for (const int64_t start : plan.starts_vox[0]) {
    numbers.all += static_cast<int64_t>(WindowsOfSlab(plan, 0, start, {}).size());
    numbers.evaluated += static_cast<int64_t>(WindowsOfSlab(plan, 0, start, mask_XYZ).size());
  }
  return numbers;
}

}  // namespace sap::infer
