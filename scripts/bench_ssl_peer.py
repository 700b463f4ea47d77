#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times one step of self-supervised pretraining in PyTorch with MONAI's encoder.

The peer of build/release/bin/sap_bench_ssl: the same options, and one JSON line on stdout with
the same keys. MONAI's SwinTransformer is the encoder; the heads, the views and the losses of the
reference pretraining (Tang et al. 2022) are written here in plain PyTorch and NumPy, as a user of
MONAI would have to. A step makes two views of each crop, runs both, and updates with AdamW.
"""

import argparse
import json
import resource
import statistics
import time

import monai
import numpy as np
import torch
from monai.networks.nets.swin_unetr import SwinTransformer
from torch import nn
from torch.nn import functional as F

TEMPERATURE = 0.5
MAX_CUT_FRAC, MAX_BLOCK_FRAC, MIN_BLOCK_FRAC = 0.3, 0.25, 0.05


def vae_decoder(dim, out_channels):
    """Five convolutions 3^3 with norm, activation and trilinear doubling, then one 1^3."""
    layers = []
    channels = [dim, dim // 2, dim // 4, dim // 8, dim // 16, dim // 16]
    for given, wanted in zip(channels, channels[1:]):
        layers += [
            nn.Conv3d(given, wanted, kernel_size=3, padding=1),
            nn.InstanceNorm3d(wanted),
            nn.LeakyReLU(0.01),
            nn.Upsample(scale_factor=2, mode="trilinear", align_corners=False),
        ]
    return nn.Sequential(*layers, nn.Conv3d(channels[-1], out_channels, kernel_size=1))


def deconv_decoder(dim, out_channels):
    channels = [dim, dim // 2, dim // 4, dim // 8, dim // 16, out_channels]
    return nn.Sequential(*(nn.ConvTranspose3d(given, wanted, kernel_size=2, stride=2)
                           for given, wanted in zip(channels, channels[1:])))


def large_kernel_decoder(dim, out_channels):
    return nn.ConvTranspose3d(dim, out_channels, kernel_size=32, stride=32)


DECODERS = {"vae": vae_decoder, "deconv": deconv_decoder,
            "large_kernel_deconv": large_kernel_decoder}


class PretrainingNet(nn.Module):
    def __init__(self, feature_size, reconstruction, in_channels=2):
        super().__init__()
        dim = 16 * feature_size
        self.swinViT = SwinTransformer(
            in_chans=in_channels, embed_dim=feature_size, window_size=(7, 7, 7),
            patch_size=(2, 2, 2), depths=(2, 2, 2, 2), num_heads=(3, 6, 12, 24), mlp_ratio=4.0,
            qkv_bias=True, drop_rate=0.0, attn_drop_rate=0.0, drop_path_rate=0.0,
            norm_layer=nn.LayerNorm, use_checkpoint=False, spatial_dims=3)
        self.rotation_head = nn.Linear(dim, 4)
        self.contrastive_head = nn.Linear(dim, 512)
        self.conv = DECODERS[reconstruction](dim, in_channels)

    def forward(self, image):
        deepest = self.swinViT(image.contiguous())[4]
        tokens = deepest.flatten(start_dim=2).transpose(1, 2)
        return (self.rotation_head(tokens[:, 0]), self.contrastive_head(tokens[:, 1]),
                self.conv(deepest))


def draw_block(shape, rng):
    """Slices of one block to cut, clipped at the border."""
    block = []
    for edge in shape:
        begin = rng.integers(0, edge - int(MIN_BLOCK_FRAC * edge))
        size = rng.integers(int(MIN_BLOCK_FRAC * edge), int(MAX_BLOCK_FRAC * edge))
        block.append(slice(begin, min(edge, begin + size)))
    return tuple(block)


def cut_out(crop, partner, rng):
    """Replaces blocks of a crop [C, X, Y, Z] in place: by the partner's voxels, or by noise."""
    shape = crop.shape[1:]
    wanted = rng.uniform(0, MAX_CUT_FRAC) * np.prod(shape)
    cut = 0
    while cut < wanted:
        block = (slice(None), *draw_block(shape, rng))
        if partner is None:
            noise = torch.empty_like(crop[block]).normal_()
            low, high = noise.min(), noise.max()
            crop[block] = (noise - low) / (high - low)
        else:
            crop[block] = partner[block]
        cut += crop[block][0].numel()


def make_view(crops, rng):
    """Turned and cut crops, the turned ones, and the quarter turns."""
    turns = rng.integers(0, 4, size=len(crops))
    target = torch.stack([crop.rot90(int(k), (2, 3)) for crop, k in zip(crops, turns)])
    cut = target.clone()
    for i, crop in enumerate(cut):
        cut_out(crop, None, rng)
        j = rng.integers(0, len(cut))
        if j != i:
            cut_out(crop, cut[j], rng)
    return cut, target, torch.from_numpy(turns)


def nt_xent(first, second):
    z = torch.cat([F.normalize(first, dim=1), F.normalize(second, dim=1)])
    similarity = F.cosine_similarity(z.unsqueeze(1), z.unsqueeze(0), dim=2) / TEMPERATURE
    n = len(first)
    positive = torch.cat([similarity.diag(n), similarity.diag(-n)])
    others = ~torch.eye(2 * n, dtype=torch.bool)
    denominator = (similarity.exp() * others).sum(1)
    return -(positive - denominator.log()).mean()


def loss_of(net, views, cast):
    (input_1, target_1, turns_1), (input_2, target_2, turns_2) = views
    with cast():
        rotation_1, contrastive_1, rebuilt_1 = net(input_1)
        rotation_2, contrastive_2, rebuilt_2 = net(input_2)
    rotation = F.cross_entropy(torch.cat([rotation_1, rotation_2]).float(),
                               torch.cat([turns_1, turns_2]))
    rebuilt = torch.cat([rebuilt_1, rebuilt_2]).float()
    return (rotation + nt_xent(contrastive_1.float(), contrastive_2.float())
            + F.l1_loss(rebuilt, torch.cat([target_1, target_2])))


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--fs", type=int, default=48)
    parser.add_argument("--size", type=int, default=96)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--reconstruction", choices=list(DECODERS), default="vae")
    parser.add_argument("--channels-last", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    return parser.parse_args()


def main():
    a = parse()
    torch.set_num_threads(a.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    net = PretrainingNet(a.fs, a.reconstruction).train()
    crops = torch.rand(a.batch, 2, a.size, a.size, a.size)
    if a.channels_last:
        net = net.to(memory_format=torch.channels_last_3d)
        crops = crops.contiguous(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(net.parameters(), lr=4e-4, weight_decay=0.1)

    def cast():
        return torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.precision == "bf16")

    def step():
        start = time.perf_counter()
        views = [make_view(crops, rng) for _ in range(2)]
        views_s = time.perf_counter() - start
        optimizer.zero_grad()
        loss_of(net, views, cast).backward()
        optimizer.step()
        return time.perf_counter() - start, views_s

    step()
    times = [step() for _ in range(a.repeat)]
    steps = [total for total, _ in times]
    print(json.dumps({
        "peer": f"monai {monai.__version__} torch {torch.__version__}", "mode": "ssl",
        "reconstruction": a.reconstruction, "fs": a.fs, "size": a.size, "batch": a.batch,
        "precision": a.precision, "channels_last": a.channels_last, "threads": a.threads,
        "min_s": round(min(steps), 4), "median_s": round(statistics.median(steps), 4),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "views_frac": round(sum(views_s for _, views_s in times) / sum(steps), 4)}))


if __name__ == "__main__":
    main()
