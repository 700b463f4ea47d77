# SPDX-License-Identifier: Apache-2.0
"""Compares an ADC map with numpy.polyfit of ln S over b on the series that it came from.

usage: adc_peer.py shells|each SERIES.nii BVALS ADC.nii

shells: volumes of about one b-value are averaged first; each: every volume is a point of the fit.
Fails where a voxel above the noise differs by more than 1e-4 of its value.
"""

import sys

import nibabel
import numpy


def points(series, b_values, kind):
    """b-values [n] and signals [n, x, y, z] of the fit."""
    volumes = numpy.moveaxis(series, 3, 0)
    if kind == "each":
        return b_values, volumes
    shells = numpy.round(b_values, -2)
    chosen = numpy.unique(shells)
    return (numpy.array([b_values[shells == s].mean() for s in chosen]),
            numpy.stack([volumes[shells == s].mean(axis=0) for s in chosen]))


def canonical(path):
    return nibabel.as_closest_canonical(nibabel.load(path)).get_fdata()


def main():
    kind, series_path, bval_path, adc_path = sys.argv[1:]
    found = canonical(adc_path)
    b, signals = points(canonical(series_path), numpy.loadtxt(bval_path).ravel(), kind)
    logs = numpy.log(numpy.maximum(signals, 1e-6)).reshape(len(b), -1)
    slope = numpy.polyfit(b, logs, 1)[0].reshape(found.shape)
    expected = -slope * 1e6  # um2/s
    clear = (signals.min(axis=0) >= 1) & (signals.mean(axis=0) > 0.05 * signals.max())
    above_noise = clear & (expected > 50) & (expected < 5000)
    worst = (numpy.abs(found - expected) / numpy.abs(expected))[above_noise].max()
    print(f"{series_path}: {above_noise.sum()} voxels, largest relative difference {worst:.1e}")
    if above_noise.sum() < 100 or worst > 1e-4:
        sys.exit(1)


main()
