// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "sap/core/tensor.h"
#include "sap/ssl/heads.h"
#include "sap/ssl/views.h"

// The three losses of self-supervised pretraining (swin_unetr §4.3). All are computed in fp32
// (fp64 stays fp64). Shapes: n crops, B = 2n views, C channels, E embedding, X Y Z space.
namespace sap::ssl {

struct SslLossOptions {
  double rotation_weight = 1.0;
  double contrastive_weight = 1.0;
  double reconstruction_weight = 1.0;
  double temperature = 0.5;
  bool masked_only = false;

  template <typename Visitor>
  void Describe(Visitor& v) {
    v.Field("rotation_weight", rotation_weight)
        .Help("weight of telling how many quarters a view was turned (in the Y-Z plane, about X)")
        .AtLeast(0);
    v.Field("contrastive_weight", contrastive_weight)
        .Help("weight of telling the two views of a crop from those of the batch's other crops")
        .AtLeast(0);
    v.Field("reconstruction_weight", reconstruction_weight)
        .Help("weight of rebuilding the uncut view (mean absolute error)")
        .AtLeast(0);
    v.Field("temperature", temperature)
        .Help("cosine similarities are divided by it (contrastive)")
        .Range(0.01, 100);
    v.Field("masked_only", masked_only)
        .Help("rebuild the cut voxels only; the reference counts all voxels");
  }
};

// Mean cross-entropy of logits [B, 4] against quarter turns [B], int64.
Tensor RotationLoss(const Tensor& logits_B4, const Tensor& rotation_B);

// NT-Xent (Chen et al. 2020): over the 2n rows of both arguments, the mean of
//   -log( exp(s_pair / T) / sum of exp(s_k / T) over all other rows k )
// with cosine similarities s; the row's pair is in the sum. first and second [n, E] are the two
// views of the same crops. n = 1 gives exactly 0, with zero gradient.
// others [M, E]: embeddings gathered from other processes, further negatives of every row. The
// mean over all processes is then the loss of the whole batch; gradients flow into `others` only
// if it carries a graph, so with a plain gather each process's gradient lacks the terms in which
// its rows are negatives of others.
Tensor NtXentLoss(const Tensor& first_nE,
                  const Tensor& second_nE,
                  double temperature,
                  const std::optional<Tensor>& others_ME = std::nullopt);

// Mean absolute error, over all voxels or over those of the mask (bool [B, X, Y, Z]; 0 where it is
// empty).
Tensor ReconstructionLoss(const Tensor& reconstruction_BCXYZ,
                          const Tensor& target_BCXYZ,
                          const std::optional<Tensor>& mask_BXYZ = std::nullopt);

// Scalars; the parts are before their weights and carry no gradient.
struct SslLosses {
  Tensor total;
  Tensor rotation;
  Tensor contrastive;
  Tensor reconstruction;
};

// `views` on the device of `output`, rows as MakeViews orders them. others_ME: see NtXentLoss.
SslLosses SslLoss(const SslOutput& output,
                  const Views& views,
                  const SslLossOptions& options,
                  const std::optional<Tensor>& others_ME = std::nullopt);

}  // namespace sap::ssl
