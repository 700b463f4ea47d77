# SPDX-License-Identifier: Apache-2.0
"""Prints, for each NIfTI file named, what nibabel reads: shape, affine in LPS mm, voxel moments."""

import json
import sys

import nibabel
import numpy

facts = {}
for path in sys.argv[2:]:
    image = nibabel.load(path)
    data = numpy.asarray(image.dataobj, dtype=numpy.float64)
    if data.ndim == 4 and data.shape[3] == 1:
        data = data[..., 0]
    lps = numpy.diag([-1.0, -1.0, 1.0, 1.0]) @ image.affine
    flat = data.reshape(-1)
    weights = (numpy.arange(flat.size) % 1009) / 1009.0  # the order of the voxels matters
    facts[path] = {
        "shape": list(data.shape),
        "lps": lps.tolist(),
        "sum": float(flat.sum()),
        "weighted": float((flat * weights).sum()),
        "scale": float(numpy.abs(flat).sum()),
    }
with open(sys.argv[1], "w", encoding="utf-8") as out:
    json.dump(facts, out)
