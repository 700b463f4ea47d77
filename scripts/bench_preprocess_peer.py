#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times SimpleITK beside sap_bench_preprocess: the same filters on a volume of the same formula.

192 x 96 x 128 voxels of 2 x 2 x 4 mm. N4 as the authors set it (shrink 2 on every axis, 4 levels);
diffusion with the paper-era values; linear resampling to 19 million voxels; rigid Mattes
registration in three levels.

usage: scripts/bench_preprocess_peer.py [--threads N] [--only n4|denoise|resample|rigid]
                                        [--bench PROGRAM]
"""

import argparse
import json
import subprocess
import time

import numpy
import SimpleITK as sitk

SIZE = (192, 96, 128)
SPACING_MM = (2.0, 2.0, 4.0)


def body(seed, origin_mm=(0.0, 0.0, 0.0)):
    """The formula of sap_bench_preprocess; array axes z, y, x."""
    axes = [numpy.linspace(-1, 1, size, dtype=numpy.float32) for size in SIZE[::-1]]
    z, y, x = numpy.meshgrid(*axes, indexing="ij")
    inside = (x / 0.7) ** 2 + (y / 0.6) ** 2 < 1
    field = numpy.exp(0.4 * x + 0.3 * numpy.sin(2 * z) - 0.2 * y * y)
    texture = 1 + 0.3 * numpy.sin(31 * x) * numpy.cos(27 * y)
    noise = numpy.random.default_rng(seed).normal(0, 5, inside.shape)
    image = (inside * 200 * field * texture + noise).clip(0).astype(numpy.float32)
    log_field = numpy.log(field)[inside]
    volume = sitk.GetImageFromArray(image)
    volume.SetSpacing(SPACING_MM)
    volume.SetOrigin(origin_mm)
    mask = sitk.GetImageFromArray(inside.astype(numpy.uint8))
    mask.CopyInformation(volume)
    return volume, mask, log_field


def n4(fixed, mask, log_field, _):
    corrector = sitk.N4BiasFieldCorrectionImageFilter()
    corrector.SetMaximumNumberOfIterations([50, 50, 30, 20])
    corrector.SetConvergenceThreshold(1e-4)
    corrector.Execute(sitk.Shrink(fixed, [2, 2, 2]), sitk.Shrink(mask, [2, 2, 2]))
    found = sitk.GetArrayViewFromImage(corrector.GetLogBiasFieldAsImage(fixed))
    left = found[sitk.GetArrayViewFromImage(mask) > 0] - log_field
    return {"residual_log_sd": round(float(left.std()), 4)}


def denoise(fixed, *_):
    sitk.GradientAnisotropicDiffusion(fixed, timeStep=0.01, conductanceParameter=4.0,
                                      numberOfIterations=10)


def resample(fixed, *_):
    sitk.Resample(fixed, [2 * size for size in SIZE], sitk.Transform(), sitk.sitkLinear,
                  fixed.GetOrigin(), [spacing / 2 for spacing in SPACING_MM],
                  fixed.GetDirection())


def rigid(fixed, _mask, _log_field, moving):
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.2)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetInitialTransform(sitk.Euler3DTransform())
    method.SetInterpolator(sitk.sitkLinear)
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 0])
    method.Execute(fixed, moving)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--bench", default="build/release/bin/sap_bench_preprocess")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", choices=["n4", "denoise", "resample", "rigid"])
    options = parser.parse_args()
    print(subprocess.run([options.bench], check=True, capture_output=True, text=True).stdout,
          end="")
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(options.threads)
    fixed, mask, log_field = body(0)
    moving = body(1, (5.0, -4.0, 8.0))[0]
    for work in (n4, denoise, resample, rigid):
        if options.only in (None, work.__name__):
            begin = time.perf_counter()
            figures = work(fixed, mask, log_field, moving) or {}
            print(json.dumps({"SimpleITK": work.__name__,
                              "s": round(time.perf_counter() - begin, 3)} | figures))


if __name__ == "__main__":
    main()
