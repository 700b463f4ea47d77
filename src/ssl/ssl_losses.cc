// SPDX-License-Identifier: Apache-2.0
#include "sap/ssl/ssl_losses.h"

#include <limits>

#include <ATen/ATen.h>

#include "sap/core/error.h"

namespace sap::ssl {
namespace {

constexpr double kNormEps = 1e-12;  // least length in a cosine, as in the reference

Tensor Wide(const Tensor& x) {
  return x.to(x.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
}

Tensor UnitRows(const Tensor& x_BE) {
  const Tensor wide = Wide(x_BE);
  return wide / wide.norm(2, /*dim=*/1, /*keepdim=*/true).clamp_min(kNormEps);
}

}  // namespace

Tensor RotationLoss(const Tensor& logits_B4, const Tensor& rotation_B) {
  SAP_CHECK(logits_B4.dim() == 2 && logits_B4.size(1) == kNumRotations && rotation_B.dim() == 1 &&
                rotation_B.size(0) == logits_B4.size(0),
            "{} and {}",
            ShapeString(logits_B4),
            ShapeString(rotation_B));
  return at::cross_entropy_loss(Wide(logits_B4), rotation_B);
}

Tensor NtXentLoss(const Tensor& first_nE,
                  const Tensor& second_nE,
                  double temperature,
                  const std::optional<Tensor>& others_ME) {
  SAP_CHECK(first_nE.dim() == 2 && first_nE.sizes() == second_nE.sizes(),
            "{} and {}",
            ShapeString(first_nE),
            ShapeString(second_nE));
  const int64_t n = first_nE.size(0);
  const Tensor z_BE = UnitRows(at::cat({first_nE, second_nE}));
  const Tensor itself_BB = at::eye(2 * n, z_BE.options().dtype(at::kBool));
  const Tensor similarity_BB = z_BE.mm(z_BE.t()) / temperature;
  Tensor logits = similarity_BB.masked_fill(itself_BB, -std::numeric_limits<double>::infinity());
  if (others_ME) logits = at::cat({logits, z_BE.mm(UnitRows(*others_ME).t()) / temperature}, 1);
  const Tensor pair_B = at::arange(2 * n, first_nE.options().dtype(at::kLong)).roll(n);
  return at::cross_entropy_loss(logits, pair_B);
}

Tensor ReconstructionLoss(const Tensor& reconstruction_BCXYZ,
                          const Tensor& target_BCXYZ,
                          const std::optional<Tensor>& mask_BXYZ) {
  SAP_CHECK(reconstruction_BCXYZ.sizes() == target_BCXYZ.sizes(),
            "{} and {}",
            ShapeString(reconstruction_BCXYZ),
            ShapeString(target_BCXYZ));
  const Tensor reconstruction = Wide(reconstruction_BCXYZ);
  if (!mask_BXYZ) return at::l1_loss(reconstruction, target_BCXYZ);
  const Tensor error_BCXYZ = (reconstruction - target_BCXYZ).abs();
  const Tensor num_values = mask_BXYZ->sum() * error_BCXYZ.size(1);
  return (error_BCXYZ * mask_BXYZ->unsqueeze(1)).sum() / num_values.clamp_min(1);
}

SslLosses SslLoss(const SslOutput& output,
                  const Views& views,
                  const SslLossOptions& options,
                  const std::optional<Tensor>& others_ME) {
  const int64_t n = output.contrastive_B512.size(0) / 2;
  const Tensor rotation = RotationLoss(output.rotation_B4, views.rotation_B);
  const Tensor contrastive = NtXentLoss(output.contrastive_B512.narrow(0, 0, n),
                                        output.contrastive_B512.narrow(0, n, n),
                                        options.temperature,
                                        others_ME);
  const std::optional<Tensor> mask =
      options.masked_only ? std::optional(views.mask_BXYZ) : std::nullopt;
  const Tensor reconstruction =
      ReconstructionLoss(output.reconstruction_BCXYZ, views.target_BCXYZ, mask);
  return {options.rotation_weight * rotation + options.contrastive_weight * contrastive +
              options.reconstruction_weight * reconstruction,
          rotation.detach(),
          contrastive.detach(),
          reconstruction.detach()};
}

}  // namespace sap::ssl
