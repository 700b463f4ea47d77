# SPDX-License-Identifier: Apache-2.0
"""Writes and checks weights files with PyTorch itself, for tests/nn/weights_io_test.cc.

make_pt.py write FOLDER       the files that our reader must read or refuse
make_pt.py check FILE KIND    loads one of ours (KIND: bare, state_dict, safetensors)
"""
import argparse
import collections
import sys

import torch


def small_state():
    values = torch.arange(24, dtype=torch.float32).reshape(2, 3, 4) / 8
    return collections.OrderedDict(
        [
            ("plain", values.clone()),
            ("permuted", values.permute(2, 0, 1)),
            ("slice_of_storage", values.reshape(-1)[5:9]),
            ("half", values.to(torch.float16)),
            ("bf16", values.to(torch.bfloat16)),
            ("double", values.to(torch.float64)),
            ("index", torch.tensor([[1, -2], [3, 4]])),
            ("int32", torch.tensor([7, -8], dtype=torch.int32)),
            ("int16", torch.tensor([7, -8], dtype=torch.int16)),
            ("int8", torch.tensor([7, -8], dtype=torch.int8)),
            ("uint8", torch.tensor([7, 200], dtype=torch.uint8)),
            ("flag", torch.tensor([True, False, True])),
            ("scalar", torch.tensor(2.5)),
            ("empty", torch.zeros(0, 3)),
        ]
    )


def write(folder):
    state = small_state()
    torch.save(state, f"{folder}/bare.pt")
    torch.save(dict(state), f"{folder}/dict.pt")
    torch.save(state, f"{folder}/protocol4.pt", pickle_protocol=4)
    linear = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(linear.parameters())
    linear(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    torch.save(
        {
            "state_dict": state,
            "epoch": 12,
            "best_acc": 0.5,
            "optimizer": optimizer.state_dict(),
            "args": argparse.Namespace(lr=1e-4),
            "rng": torch.get_rng_state(),
        },
        f"{folder}/nested.pt",
    )
    torch.save({"model": state}, f"{folder}/model_key.pt")
    module = torch.nn.Sequential(torch.nn.Linear(3, 2))
    torch.save(module.state_dict(), f"{folder}/module_state.pt")
    torch.save({"w": module[0].weight}, f"{folder}/parameter.pt")
    torch.save(module, f"{folder}/whole_module.pt")
    torch.save(state, f"{folder}/before_1_6.pt", _use_new_zipfile_serialization=False)


def check(path, kind):
    if kind == "safetensors":
        import safetensors.torch

        loaded = safetensors.torch.load_file(path)
    else:
        loaded = torch.load(path, weights_only=True)
        if kind == "state_dict":
            assert loaded["sap_metadata"] == {"sap.patch_merging": "legacy"}, loaded.keys()
            loaded = loaded["state_dict"]
        else:
            assert loaded.sap_metadata == {"sap.patch_merging": "legacy"}
        assert isinstance(loaded, collections.OrderedDict), type(loaded)
        torch.load(path, weights_only=True, mmap=True)
    expected = small_state()
    assert set(loaded) == set(expected), set(loaded) ^ set(expected)
    for name, tensor in expected.items():
        assert loaded[name].dtype == tensor.dtype, name
        assert torch.equal(loaded[name], tensor), name


if __name__ == "__main__":
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        check(sys.argv[2], sys.argv[3])
