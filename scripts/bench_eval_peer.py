#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times the evaluation of one whole-body exam in SciPy beside sap_bench_eval.

Runs build/release/bin/sap_bench_eval, which makes the exam (384 x 384 x 1000 voxels, 60 lesions,
120 candidates), times itself and writes the exam as NIfTI; then computes the same with
scipy.ndimage as one would write it by hand, checks that both found the same, and prints the times
and their ratios. Reading files is not timed. Our side does more: surface elements beside border
voxels, three tolerances, weighted distances, scores, match groups and all counts of large lesions.

usage: scripts/bench_eval_peer.py [--haze] [--threads N] [--uncropped] [--bench PROGRAM]
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path

import nibabel
import numpy
import scipy
from scipy import ndimage

TOLERANCE_MM = 2.0
THRESHOLDS = numpy.arange(1, 100) / 100
TIMED_THRESHOLDS = (0.1, 0.3, 0.5, 0.7, 0.9)


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bench", default="build/release/bin/sap_bench_eval")
    parser.add_argument("--haze", action="store_true", help="the exam with 2 M active voxels")
    parser.add_argument("--threads", default="0", help="of our side; SciPy has one")
    parser.add_argument("--uncropped", action="store_true",
                        help="time one full-volume distance map too")
    return parser.parse_args()


def border(mask):
    return mask & ~ndimage.binary_erosion(mask)


def surface_scores(reference, predicted, spacing):
    """NSD, HD95 and ASSD over border voxels of two padded masks."""
    g, p = border(reference), border(predicted)
    from_g = ndimage.distance_transform_edt(~p, sampling=spacing)[g]
    from_p = ndimage.distance_transform_edt(~g, sampling=spacing)[p]
    limit = TOLERANCE_MM * (1 + 1e-6)
    within = numpy.count_nonzero(from_g <= limit) + numpy.count_nonzero(from_p <= limit)
    return (within / (from_g.size + from_p.size),
            max(numpy.percentile(from_g, 95), numpy.percentile(from_p, 95)),
            0.5 * (from_g.mean() + from_p.mean()))


def joint_box(boxes):
    return tuple(slice(min(b[a].start for b in boxes), max(b[a].stop for b in boxes))
                 for a in range(3))


def match(reference, predicted):
    """Labels, sizes and the voxels that each lesion shares with each candidate."""
    g, num_lesions = ndimage.label(reference)
    c, num_candidates = ndimage.label(predicted)
    both = (g > 0) & (c > 0)
    pairs, shared = numpy.unique(numpy.stack([g[both], c[both]]), axis=1, return_counts=True)
    return g, c, num_lesions, num_candidates, pairs, shared


def exam(reference, probability, spacing, threshold):
    g, c, num_lesions, num_candidates, pairs, shared = match(reference, probability >= threshold)
    lesion_vox = numpy.bincount(g.ravel(), minlength=num_lesions + 1)
    candidate_vox = numpy.bincount(c.ravel(), minlength=num_candidates + 1)
    lesion_boxes, candidate_boxes = ndimage.find_objects(g), ndimage.find_objects(c)
    dice, scores = [], []
    for lesion in numpy.unique(pairs[0]):
        of_lesion = pairs[0] == lesion
        hits = pairs[1][of_lesion]
        dice.append(2 * shared[of_lesion].sum()
                    / (lesion_vox[lesion] + candidate_vox[hits].sum()))
        box = joint_box([lesion_boxes[lesion - 1]] + [candidate_boxes[h - 1] for h in hits])
        scores.append(surface_scores(numpy.pad(g[box] == lesion, 1),
                                     numpy.pad(numpy.isin(c[box], hits), 1), spacing))
    best = [probability[box][c[box] == label + 1].max()
            for label, box in enumerate(candidate_boxes)]
    assert len(best) == num_candidates
    nsd, _, assd = numpy.array(scores).T
    return {"lesions": num_lesions, "candidates": num_candidates, "detected": len(dice),
            "false_positives": num_candidates - len(numpy.unique(pairs[1])),
            "mean_dice": float(numpy.mean(dice)), "mean_border_nsd_2mm": float(nsd.mean()),
            "mean_border_assd_mm": float(assd.mean())}


def sweep(reference, probability, thresholds):
    """True and false positives at each threshold; the reference is labelled once."""
    g, _ = ndimage.label(reference)
    counts = []
    for threshold in thresholds:
        c, num_candidates = ndimage.label(probability >= threshold)
        both = (g > 0) & (c > 0)
        counts.append((len(numpy.unique(g[both])),
                       num_candidates - len(numpy.unique(c[both]))))
    return counts


def seconds(action):
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def ours(arguments, folder):
    command = [arguments.bench, "--write", folder, "--threads", arguments.threads]
    output = subprocess.run(command + ["--haze"] * arguments.haze, check=True,
                            capture_output=True, text=True).stdout
    return json.loads(output)


def load(path):
    image = nibabel.load(path)
    # C order, as SciPy's own arrays have.
    return numpy.ascontiguousarray(numpy.asanyarray(image.dataobj)), image.header.get_zooms()


def line(what, mine_s, theirs_s):
    print(f"{what:<34} {mine_s:8.3f} s   scipy {theirs_s:9.2f} s   ratio {theirs_s / mine_s:.1f}",
          flush=True)


def main():
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        mine = ours(arguments, folder)
        reference, spacing = load(Path(folder) / "reference.nii")
        probability, _ = load(Path(folder) / "probability.nii")
    reference = reference != 0
    spacing = [float(mm) for mm in spacing]
    print(f"scipy {scipy.__version__}, {reference.shape} voxels, "
          f"{numpy.count_nonzero(probability >= 0.01)} of them at 0.01 or more; "
          f"ours with {mine['threads']} threads, {mine['peak_rss_mib']} MiB at most")
    exam_s, found = seconds(lambda: exam(reference, probability, spacing, 0.5))
    for name, value in found.items():
        difference = abs(value - mine["found"][name])
        assert difference <= 1e-5, f"{name}: {mine['found'][name]} against {value}"
    line("exam: match, Dice, surfaces", mine["exam_s"], exam_s)
    few_s, _ = seconds(lambda: sweep(reference, probability, TIMED_THRESHOLDS))
    label_s, _ = seconds(lambda: ndimage.label(reference))
    scaled_s = label_s + (few_s - label_s) * len(THRESHOLDS) / len(TIMED_THRESHOLDS)
    line(f"sweep of {len(THRESHOLDS)} thresholds", mine["sweep_s"], scaled_s)
    print(f"(SciPy's sweep: {len(TIMED_THRESHOLDS)} thresholds timed, {few_s:.1f} s, and scaled)")
    if arguments.uncropped:
        edt_s, _ = seconds(lambda: ndimage.distance_transform_edt(~reference, sampling=spacing))
        print(f"one full-volume distance map in SciPy: {edt_s:.1f} s; without crops an exam takes "
              f"two for each of {found['detected']} detected lesions")


if __name__ == "__main__":
    main()
