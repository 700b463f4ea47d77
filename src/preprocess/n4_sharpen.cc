// SPDX-License-Identifier: Apache-2.0
#include "preprocess/n4_sharpen.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <ATen/ATen.h>

#include "sap/core/parallel.h"

namespace sap::preprocess {
namespace {

struct Histogram {
  double low = 0;
  double slope = 1;  // log units a bin
  Tensor counts;     // float64 [padded]
  int64_t offset = 0;
};

Histogram MakeHistogram(const Tensor& log_values, int bins) {
  Histogram h;
  h.low = log_values.min().item<double>();
  const double high = log_values.max().item<double>();
  h.slope = std::max(high - h.low, 1e-12) / (bins - 1);
  const auto power = static_cast<int>(std::ceil(std::log2(static_cast<double>(bins)))) + 1;
  const int64_t padded = int64_t{1} << power;
  h.offset = (padded - bins) / 2;
  h.counts = at::zeros({padded}, at::kDouble);
  double* counts = h.counts.mutable_data_ptr<double>() + h.offset;
  const float* values = log_values.const_data_ptr<float>();
  for (int64_t i = 0; i < log_values.numel(); ++i) {
    const double at_bin = (values[i] - h.low) / h.slope;
    const auto bin = std::min(static_cast<int64_t>(at_bin), static_cast<int64_t>(bins - 1));
    const double frac = at_bin - static_cast<double>(bin);
    counts[bin] += 1 - frac;
    if (bin + 1 < bins) counts[bin + 1] += frac;
  }
  return h;
}

// Spectrum of the Gaussian that a smooth field spreads each intensity with.
Tensor GaussianSpectrum(int64_t padded, double fwhm_bins) {
  const double rate = 4 * std::log(2.0) / (fwhm_bins * fwhm_bins);
  const double scale = 2 * std::sqrt(std::log(2.0) / M_PI) / fwhm_bins;
  const Tensor n = at::arange(padded, at::kDouble);
  const Tensor distance = at::minimum(n, padded - n);
  return at::fft_fft(scale * (-rate * distance.square()).exp());
}

// Expectation of the true log intensity for each bin.
Tensor ExpectedLog(const Histogram& h, const BiasFieldOptions& options) {
  const int64_t padded = h.counts.numel();
  const Tensor blur = GaussianSpectrum(padded, options.fwhm / h.slope);
  const Tensor power = at::real(blur * blur.conj());
  const Tensor wiener = at::real(blur.conj() / (power + options.wiener_noise));
  const Tensor sharp = at::real(at::fft_ifft(at::fft_fft(h.counts) * wiener)).clamp_min(0.0);
  const Tensor centres = h.low + (at::arange(padded, at::kDouble) - h.offset) * h.slope;
  const Tensor above = at::real(at::fft_ifft(at::fft_fft(centres * sharp) * blur));
  const Tensor below = at::real(at::fft_ifft(at::fft_fft(sharp) * blur));
  const Tensor expected = at::where(below != 0, above / below, at::zeros_like(above));
  return expected.narrow(0, h.offset, options.bins).contiguous();
}

}  // namespace

Tensor SharpenedLog(const Tensor& log_values, const BiasFieldOptions& options) {
  const Histogram h = MakeHistogram(log_values, options.bins);
  const Tensor expected = ExpectedLog(h, options);
  const double* map = expected.const_data_ptr<double>();
  Tensor result = at::empty_like(log_values);
  const float* in = log_values.const_data_ptr<float>();
  float* out = result.mutable_data_ptr<float>();
  ParallelFor(log_values.numel(), 1 << 15, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const double at_bin = (in[i] - h.low) / h.slope;
      const auto bin =
          std::min(static_cast<int64_t>(at_bin), static_cast<int64_t>(options.bins - 1));
      const auto next = std::min(bin + 1, static_cast<int64_t>(options.bins - 1));
      const double frac = at_bin - static_cast<double>(bin);
      out[i] = static_cast<float>(map[bin] + (map[next] - map[bin]) * frac);
    }
  });
  return result;
}

}  // namespace sap::preprocess
