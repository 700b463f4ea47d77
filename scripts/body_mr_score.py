#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Dice of each class between a prediction and the reference labels of scripts/body_mr.sh.

usage: body_mr_score.py REFERENCE.nii.gz PREDICTION.nii.gz
Fails when the two files lie on different grids. Reads uncompressed or gzipped NIfTI-1 of one
volume without scaling; the standard library is all it needs.
"""
import array
import gzip
import struct
import sys

# Value in the reference file: class of configs/body_mr.yaml.
CLASSES = {19: 1, 5: 2, 1: 3, 2: 4, 3: 4}
NAMES = {1: "vertebrae", 2: "liver", 3: "spleen", 4: "kidneys"}
ARRAY_TYPES = {2: "B", 4: "h", 512: "H"}


def read_labels(path):
    """Size, affine (12 numbers of the sform) and voxel values of a label file."""
    raw = gzip.open(path).read() if path.endswith(".gz") else open(path, "rb").read()
    size = struct.unpack_from("<3h", raw, 42)
    (datatype,) = struct.unpack_from("<h", raw, 70)
    (offset,) = struct.unpack_from("<f", raw, 108)
    affine = struct.unpack_from("<12f", raw, 280)
    if struct.unpack_from("<h", raw, 254)[0] <= 0:
        sys.exit(f"{path}: has no sform; this script compares files that have one")
    if datatype not in ARRAY_TYPES:
        sys.exit(f"{path}: NIfTI datatype {datatype}; labels are uint8, int16 or uint16 here")
    values = array.array(ARRAY_TYPES[datatype], raw[int(offset) :])
    return size, affine, values[: size[0] * size[1] * size[2]]


def main():
    reference_path, prediction_path = sys.argv[1:3]
    size, affine, reference = read_labels(reference_path)
    other_size, other_affine, prediction = read_labels(prediction_path)
    apart = max(abs(a - b) for a, b in zip(affine, other_affine))
    if size != other_size or apart > 1e-4:
        sys.exit(f"{prediction_path}: {other_size} voxels, affine {apart:g} mm away from the reference's "
                 f"{size}; a prediction must lie on its input's grid")
    both, total = dict.fromkeys(NAMES, 0), dict.fromkeys(NAMES, 0)
    for value, predicted in zip(reference, prediction):
        wanted = CLASSES.get(value, 0)
        if wanted:
            total[wanted] += 1
        if predicted:
            total[predicted] += 1
        if wanted and wanted == predicted:
            both[wanted] += 1
    dice = {k: 2 * both[k] / total[k] for k in NAMES}
    for k, name in NAMES.items():
        print(f"{name:10} Dice {dice[k]:.3f}")
    print(f"{'mean':10} Dice {sum(dice.values()) / len(dice):.3f}; same grid: size {size}, affines within {apart:g} mm")


if __name__ == "__main__":
    main()
