# SPDX-License-Identifier: Apache-2.0
"""MONAI's side of the weights tests in tests/transfer/convert_weights_test.cc.

monai_weights.py write FILE         a seeded SwinUNETR (feature size 12) as {"state_dict", "epoch"}
monai_weights.py load FILE          loads ours with strict=True and compares with the same seed
monai_weights.py load_from FILE     SwinUNETR.load_from on ours, then compares the encoder
"""
import sys

import torch
from monai.networks.nets import SwinUNETR


def network(seed):
    torch.manual_seed(seed)
    return SwinUNETR(in_channels=2, out_channels=2, feature_size=12)


def expect_equal(actual, expected, prefix):
    names = [name for name in expected if name.startswith(prefix)]
    assert names
    for name in names:
        assert torch.equal(actual[name], expected[name]), name


if __name__ == "__main__":
    action, path = sys.argv[1:]
    truth = network(0).state_dict()
    if action == "write":
        state = {"module." + name: tensor for name, tensor in truth.items()}
        torch.save({"state_dict": state, "epoch": 7}, path)
    elif action == "load":
        if path.endswith(".safetensors"):
            import safetensors.torch

            loaded = safetensors.torch.load_file(path)
        else:
            loaded = torch.load(path, weights_only=True)
        model = network(1)
        model.load_state_dict(loaded, strict=True)
        expect_equal(model.state_dict(), truth, "")
    else:
        model = network(1)
        model.load_from(torch.load(path, weights_only=True))
        expect_equal(model.state_dict(), truth, "swinViT.")
