# SPDX-License-Identifier: Apache-2.0
"""NumPy's and SciPy's side of tests/cli/evaluate_peer_test.cc.

evaluate_peer.py REFERENCE OUTPUT NAME=FOLDER...   reads the NIfTI files that `sap-evaluate` read,
computes every number of its tables by the rules in docs/evaluation.md, and compares: lesions.csv,
cases.csv, candidates.csv, froc.csv, table1.csv, tests.csv and the volumes and means of
summary.json. Rules: 6 neighbours, any overlap, threshold 0.5, large from 1 mL, cubic voxels (the
areas of surface elements are closed forms there). Percentile intervals of resamples depend on the
generator and are not compared; the exact interval of the median is.
"""
import csv
import json
import math
import sys
from pathlib import Path

import nibabel
import numpy
from scipy import ndimage, stats

THRESHOLD = numpy.float32(0.5)
TOLERANCES_MM = (1.0, 2.0, 3.0)
LARGE_ML = 1.0
FP_LIMIT = {"all": 15.0, "large": 4.0}
METRICS = ("sensitivity", "precision", "fp_per_exam", "f2", "large_sensitivity",
           "large_fp_per_exam", "dice", "nsd", "patient_mean_dice", "global_dice")

faults = []
counts = {"compared": 0}


def expect(what, mine, theirs, limit=1e-9):
    """`mine` is the text or number in the output, None or "" for no value."""
    counts["compared"] += 1
    mine = math.nan if mine in ("", None) else float(mine)
    same = (math.isnan(mine) and math.isnan(theirs)) or abs(mine - theirs) <= limit
    if not same:
        faults.append(f"{what}: {mine!r} against {theirs!r}")


def read_table(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


# Surface elements.

def corner_groups(code):
    """Set corners of a 2 x 2 x 2 neighbourhood, joined along the cube's edges."""
    left = {corner for corner in range(8) if code >> corner & 1}
    groups = []
    while left:
        group, open_corners = set(), [left.pop()]
        while open_corners:
            corner = open_corners.pop()
            group.add(corner)
            for axis in (1, 2, 4):
                if corner ^ axis in left:
                    left.remove(corner ^ axis)
                    open_corners.append(corner ^ axis)
        groups.append(group)
    return groups


def group_area(group):
    """Area on the unit grid of the surface that cuts one group of corners off."""
    if len(group) == 1:
        return math.sqrt(3) / 8
    if len(group) == 2:
        return math.sqrt(2) / 2
    if len(group) == 3:
        return 0.5 + 3 * math.sqrt(3) / 8
    degrees = sorted(sum(corner ^ axis in group for axis in (1, 2, 4)) for corner in group)
    return {(2, 2, 2, 2): 1.0, (1, 1, 1, 3): 3 * math.sqrt(3) / 4,
            (1, 1, 2, 2): (math.sqrt(2) + math.sqrt(3)) / 2}[tuple(degrees)]


def element_areas(edge_mm):
    areas = numpy.zeros(256)
    for code in range(1, 255):
        few = code if bin(code).count("1") <= 4 else 255 - code
        areas[code] = edge_mm ** 2 * sum(group_area(g) for g in corner_groups(few))
    return areas


def codes_of(padded):
    code = numpy.zeros([n - 1 for n in padded.shape], dtype=int)
    for corner in range(8):
        x, y, z = corner >> 2, corner >> 1 & 1, corner & 1
        code += padded[x:x + code.shape[0], y:y + code.shape[1], z:z + code.shape[2]] << corner
    return code


def percentile_by_area(distance, area, share):
    order = numpy.argsort(distance, kind="stable")
    covered = numpy.cumsum(area[order])
    reached = numpy.searchsorted(covered, share * covered[-1] * (1 - 1e-12))
    return distance[order][reached]


def surface_scores(reference, predicted, edge_mm):
    g, p = (numpy.pad(mask, 1).astype(int) for mask in (reference, predicted))
    areas = element_areas(edge_mm)
    g_area, p_area = areas[codes_of(g)], areas[codes_of(p)]
    to_p = edge_mm * ndimage.distance_transform_edt(p_area == 0)[g_area > 0]
    to_g = edge_mm * ndimage.distance_transform_edt(g_area == 0)[p_area > 0]
    g_area, p_area = g_area[g_area > 0], p_area[p_area > 0]
    g_edge, p_edge = (m.astype(bool) & ~ndimage.binary_erosion(m) for m in (g, p))
    edge_to_p = edge_mm * ndimage.distance_transform_edt(~p_edge)[g_edge]
    edge_to_g = edge_mm * ndimage.distance_transform_edt(~g_edge)[p_edge]
    scores = {}
    for tau in TOLERANCES_MM:
        limit = tau * (1 + 1e-6)
        scores[f"nsd_surfel_{tau:g}mm"] = (
            (g_area[to_p <= limit].sum() + p_area[to_g <= limit].sum())
            / (g_area.sum() + p_area.sum()))
        scores[f"nsd_border_{tau:g}mm"] = (
            ((edge_to_p <= limit).sum() + (edge_to_g <= limit).sum())
            / (edge_to_p.size + edge_to_g.size))
    scores["hd95_mm"] = max(percentile_by_area(to_p, g_area, 0.95),
                            percentile_by_area(to_g, p_area, 0.95))
    scores["assd_mm"] = 0.5 * (numpy.average(to_p, weights=g_area)
                               + numpy.average(to_g, weights=p_area))
    return scores


# Detection of one exam.

def match(reference, predicted, voxel_ml):
    """Labels, and which lesion and candidate share a voxel."""
    g, num_lesions = ndimage.label(reference)
    c, num_candidates = ndimage.label(predicted)
    volumes = [numpy.bincount(x.ravel(), minlength=n + 1)[1:] * voxel_ml
               for x, n in ((g, num_lesions), (c, num_candidates))]
    shares = numpy.zeros((num_lesions, num_candidates), dtype=bool)
    both = (g > 0) & (c > 0)
    shares[g[both] - 1, c[both] - 1] = True
    return g, c, volumes[0], volumes[1], shares


def detection(volumes_g, volumes_c, shares):
    """(lesions, detected, false positives) of all and of large lesions."""
    hit, false_positive = shares.any(axis=1), ~shares.any(axis=0)
    large_g, large_c = (v >= LARGE_ML * (1 - 1e-6) for v in (volumes_g, volumes_c))
    return {"all": (len(hit), hit.sum(), false_positive.sum()),
            "large": (large_g.sum(), (hit & large_g).sum(), (false_positive & large_c).sum())}


def ratios(lesions, detected, false_positives):
    if lesions == 0:
        return {"sensitivity": math.nan, "f2": math.nan,
                "precision": 0.0 if false_positives else math.nan,
                "fp_per_exam": float(false_positives)}
    positives = detected + false_positives
    return {"sensitivity": detected / lesions,
            "precision": detected / positives if positives else 0.0,
            "f2": 5 * detected / (5 * detected + 4 * (lesions - detected) + false_positives),
            "fp_per_exam": float(false_positives)}


def evaluate_exam(reference, probability, edge_mm):
    voxel_ml = edge_mm ** 3 / 1000
    predicted = probability >= THRESHOLD
    g, c, volumes_g, volumes_c, shares = match(reference, predicted, voxel_ml)
    found = detection(volumes_g, volumes_c, shares)
    exam = ratios(*found["all"])
    exam |= {"large_" + name: value for name, value in ratios(*found["large"]).items()}
    lesions = []
    for i in range(len(volumes_g)):
        own = g == i + 1
        lesion = {"volume_ml": volumes_g[i], "detected": shares[i].any(),
                  "centroid": ndimage.center_of_mass(own)}
        if lesion["detected"]:
            union = numpy.isin(c, 1 + numpy.flatnonzero(shares[i]))
            lesion["dice"] = 2 * (own & union).sum() / (own.sum() + union.sum())
            lesion |= surface_scores(own, union, edge_mm)
        lesions.append(lesion)
    scores = [probability[c == k + 1].max() for k in range(len(volumes_c))]
    both = (reference & predicted).sum()
    voxels = reference.sum() + predicted.sum()
    exam["patient_mean_dice"] = (numpy.mean([l.get("dice", 0.0) for l in lesions])
                                 if lesions else math.nan)
    exam["global_dice"] = 2 * both / voxels if voxels else math.nan
    exam["reference_ml"], exam["predicted_ml"] = (m.sum() * voxel_ml for m in (reference, predicted))
    sweep = [detection(*match(reference, probability >= numpy.float32(t / 100), voxel_ml)[2:])
             for t in range(1, 100)]
    return {"exam": exam, "counts": found, "lesions": lesions, "sweep": sweep,
            "candidates": list(zip(volumes_c, scores, ~shares.any(axis=0)))}


def evaluate_method(reference_dir, folder):
    result = {}
    for path in sorted(folder.glob("*.nii.gz")):
        images = [nibabel.load(p) for p in (reference_dir / path.name, path)]
        reference, probability = (numpy.asanyarray(image.dataobj) for image in images)
        edges_mm = images[0].header.get_zooms()
        assert len({round(float(edge), 5) for edge in edges_mm}) == 1, edges_mm
        case = path.name.removesuffix(".nii.gz")
        result[case] = evaluate_exam(reference > 0, probability, float(edges_mm[0]))
    return result


# Curves.

def sweep_curve(exams, size):
    """Points (FP per exam, sensitivity), from the origin to the first maximum or past the limit."""
    steps = []
    for t in reversed(range(99)):
        lesions, detected, fp = (sum(exam["sweep"][t][size][k] for exam in exams) for k in range(3))
        steps.append((fp / len(exams), detected / lesions, fp))
    most = max(step[2] for step in steps)
    points = [(0.0, 0.0)]
    for x, s, fp in steps:
        if x > points[-1][0] or (len(points) == 1 and s > 0):
            points.append((x, s))
        elif x == points[-1][0] and len(points) > 1:
            points[-1] = (x, max(s, points[-1][1]))
        if (most > 0 and fp == most) or x > FP_LIMIT[size]:
            break
    return numpy.array(points)


def sensitivity_at(points, fp):
    """The highest at that many false positives; straight between points, the last one holds."""
    x, s = points.T
    after = int(numpy.searchsorted(x, fp, side="right"))
    if after == len(x):
        return s[-1]
    part = (fp - x[after - 1]) / (x[after] - x[after - 1])
    return s[after - 1] + part * (s[after] - s[after - 1])


def curve_area(points, limit):
    inside = points[points[:, 0] < limit]
    closed = numpy.vstack([inside, [limit, sensitivity_at(points, limit)]])
    last_held = points[-1, 0] < limit  # a level piece up to the limit
    return float(numpy.trapezoid(closed[:, 1], closed[:, 0])) if not last_held else float(
        numpy.trapezoid(points[:, 1], points[:, 0])
        + (limit - points[-1, 0]) * points[-1, 1])


# Statistics.

def exact_interval(values):
    """The median's bootstrap law, from multinomial counts of the two middle draws."""
    x = numpy.sort(values)
    n = len(x)
    if n == 0:
        return math.nan, math.nan
    law = {}
    ranks = range(1, n + 1)
    if n % 2:
        m = (n + 1) // 2
        cdf = [0.0] + [stats.binom.sf(m - 1, n, k / n) for k in ranks]
        for k in ranks:
            law[x[k - 1]] = law.get(x[k - 1], 0.0) + cdf[k] - cdf[k - 1]
    else:
        m = n // 2

        def joint(i, j):
            """P(m-th draw at rank <= i, next one at rank <= j), i <= j."""
            if i == 0:
                return 0.0
            total = 0.0
            for a in range(m, n + 1):  # draws at ranks <= i
                needed = max(0, m + 1 - a)
                at_i = stats.binom.pmf(a, n, i / n)
                rest = (j - i) / (n - i) if i < n else 0.0
                total += at_i * stats.binom.sf(needed - 1, n - a, rest)
            return total

        for i in ranks:
            for j in range(i, n + 1):
                p = joint(i, j) - joint(i - 1, j)
                if j > i:
                    p -= joint(i, j - 1) - joint(i - 1, j - 1)
                middle = 0.5 * (x[i - 1] + x[j - 1])
                law[middle] = law.get(middle, 0.0) + p
    ends, below = [], 0.0
    for value in sorted(law):
        below += law[value]
        if (not ends and below >= 0.025) or (len(ends) == 1 and below >= 0.975):
            ends.append(value)
        if len(ends) == 1 and below >= 0.975:
            ends.append(value)
    return ends[0], ends[1]


def values_of(method, metric):
    if metric in ("dice", "nsd"):
        key = "dice" if metric == "dice" else "nsd_surfel_2mm"
        return [lesion[key] for case in method.values() for lesion in case["lesions"]
                if lesion["detected"]]
    return [case["exam"][metric] for case in method.values()]


def defined(values):
    values = numpy.array(values, dtype=float)
    return values[~numpy.isnan(values)]


def icc(x, y):
    """ICC(A,1) with McGraw and Wong's interval, and ICC(C,1), from a two-way analysis of variance."""
    table = numpy.stack([x, y], axis=1)
    n, k = table.shape
    grand = table.mean()
    rows, columns = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    ms_rows = k * ((rows - grand) ** 2).sum() / (n - 1)
    ms_columns = n * ((columns - grand) ** 2).sum() / (k - 1)
    ms_error = ((table - rows - columns + grand) ** 2).sum() / ((n - 1) * (k - 1))
    agreement = (ms_rows - ms_error) / (
        ms_rows + (k - 1) * ms_error + k / n * (ms_columns - ms_error))
    a = k * agreement / (n * (1 - agreement))
    b = 1 + k * agreement * (n - 1) / (n * (1 - agreement))
    v = (a * ms_columns + b * ms_error) ** 2 / (
        (a * ms_columns) ** 2 / (k - 1) + (b * ms_error) ** 2 / ((n - 1) * (k - 1)))
    f1, f2 = stats.f.ppf(0.975, n - 1, v), stats.f.ppf(0.975, v, n - 1)
    low = n * (ms_rows - f1 * ms_error) / (
        f1 * (k * ms_columns + (k * n - k - n) * ms_error) + n * ms_rows)
    high = n * (f2 * ms_rows - ms_error) / (
        k * ms_columns + (k * n - k - n) * ms_error + n * f2 * ms_rows)
    consistency = (ms_rows - ms_error) / (ms_rows + (k - 1) * ms_error)
    return agreement, low, high, consistency


# What was written.

def compare_exams(name, method, output):
    lesion_rows = read_table(output / name / "lesions.csv")
    candidate_rows = read_table(output / name / "candidates.csv")
    case_rows = {row["case"]: row for row in read_table(output / name / "cases.csv")}
    assert list(case_rows) == list(method), name
    for case, result in method.items():
        for metric, value in result["exam"].items():
            expect(f"{name} {case} {metric}", case_rows[case][metric], value)
        rows = [row for row in lesion_rows if row["case"] == case]
        assert len(rows) == len(result["lesions"]), case
        for row, lesion in zip(rows, result["lesions"]):
            what = f"{name} {case} lesion {row['lesion']}"
            expect(what + " volume", row["volume_ml"], lesion["volume_ml"])
            expect(what + " detected", row["detected"], float(lesion["detected"]))
            for axis, at in zip("xyz", lesion["centroid"]):
                expect(f"{what} centroid {axis}", row[f"centroid_{axis}_vox"], at)
            for key in ["dice", "hd95_mm", "assd_mm"] + [
                    f"nsd_{kind}_{tau:g}mm" for kind in ("surfel", "border")
                    for tau in TOLERANCES_MM]:
                # Distance maps are float32.
                limit = 1e-5 if key.endswith("_mm") else 1e-9
                expect(f"{what} {key}", row[key], lesion.get(key, math.nan), limit)
        rows = [row for row in candidate_rows if row["case"] == case]
        assert len(rows) == len(result["candidates"]), case
        for row, (volume, score, false_positive) in zip(rows, result["candidates"]):
            what = f"{name} {case} candidate {row['candidate']}"
            expect(what + " volume", row["volume_ml"], volume)
            expect(what + " score", row["score"], float(score))
            expect(what + " false positive", row["false_positive"], float(false_positive))


def compare_curves(name, method, output, summary):
    exams = list(method.values())
    for size in ("all", "large"):
        points = sweep_curve(exams, size)
        rows = [row for row in read_table(output / "froc.csv")
                if row["method"] == name and row["lesions"] == size]
        assert len(rows) == len(points), (name, size, len(rows), len(points))
        for row, (x, s) in zip(rows, points):
            expect(f"{name} {size} FP of a point", row["fp_per_exam"], x)
            expect(f"{name} {size} sensitivity of a point", row["sensitivity"], s)
        written = summary["methods"][name]["froc"][size]
        expect(f"{name} {size} area", written["area"], curve_area(points, FP_LIMIT[size]))
        for entry in written["sensitivity_at_fp"]:
            x = entry["fp_per_exam"]
            expect(f"{name} {size} sensitivity at {x}", entry["sensitivity"],
                   sensitivity_at(points, x))


def compare_means(name, method, folds, summary):
    for size in ("all", "large"):
        total = [sum(case["counts"][size][k] for case in method.values()) for k in range(3)]
        pooled = ratios(*total)
        pooled["fp_per_exam"] /= len(method)
        for metric, written in summary["means"][name][size].items():
            key = metric if size == "all" else "large_" + metric
            values = {case: result["exam"][key] for case, result in method.items()}
            of_fold = [defined([values[case] for case in fold if case in values])
                       for fold in folds]
            what = f"{name} {size} {metric}"
            expect(what + " pooled", written["pooled"], pooled[metric])
            expect(what + " patient mean", written["patient_mean"],
                   defined(list(values.values())).mean())
            expect(what + " fold mean", written["fold_mean"],
                   numpy.mean([fold.mean() for fold in of_fold if len(fold)]))


def compare_table1(methods, output):
    rows = {(row["metric"], row["method"]): row for row in read_table(output / "table1.csv")}
    assert len(rows) == len(METRICS) * len(methods)
    for (metric, name), row in rows.items():
        values = defined(values_of(methods[name], metric))
        what = f"table 1 {metric} {name}"
        expect(what + " n", row["n"], len(values))
        expect(what + " median", row["median"], float(numpy.median(values)))
        expect(what + " mean", row["mean"], values.mean())
        for column, q in (("q25", 0.25), ("q75", 0.75)):
            expect(f"{what} {column}", row[column], float(numpy.quantile(values, q)))
        low, high = (math.nan, math.nan) if row["unit"] == "lesion" else exact_interval(values)
        expect(what + " exact low", row["exact_low"], low)
        expect(what + " exact high", row["exact_high"], high)
        if numpy.ptp(values) > 0:
            w, p = stats.shapiro(values)
            expect(what + " Shapiro W", row["shapiro_w"], float(w))
            expect(what + " Shapiro p", row["shapiro_p"], float(p), max(1e-8, 1e-6 * float(p)))


def compare_tests(methods, output):
    rows = read_table(output / "tests.csv")
    num_pairs = len(methods) * (len(methods) - 1) // 2
    assert len(rows) == len(METRICS) * num_pairs
    for row in rows:
        x, y = (numpy.array(values_of(methods[row[side]], row["metric"]), dtype=float)
                for side in ("first", "second"))
        what = f"{row['test']} of {row['metric']}, {row['first']} and {row['second']}"
        if row["test"] == "wilcoxon":
            d = numpy.round((x - y)[~numpy.isnan(x - y)], 12)
            if not d.any():
                statistic, p = 0.0, 1.0
            else:
                result = stats.wilcoxon(d)
                statistic, p = float(result.statistic), float(result.pvalue)
            expect(what + " n", row["n_first"], len(d))
        else:
            result = stats.mannwhitneyu(x, y)
            statistic, p = float(result.statistic), float(result.pvalue)
            expect(what + " n", row["n_second"], len(y))
        expect(what + " statistic", row["statistic"], statistic)
        expect(what + " p", row["p"], p)
        expect(what + " p (Bonferroni)", row["p_bonferroni"], min(1.0, num_pairs * p))


def compare_volumes(name, method, summary):
    x, y = (numpy.array([case["exam"][key] for case in method.values()])
            for key in ("reference_ml", "predicted_ml"))
    written = summary["comparison"]["total_volume"][name]
    agreement, low, high, consistency = icc(x, y)
    expect(f"{name} ICC(2,1)", written["icc_2_1"], agreement)
    expect(f"{name} ICC low", written["icc_2_1_ci95"][0], low)
    expect(f"{name} ICC high", written["icc_2_1_ci95"][1], high)
    expect(f"{name} ICC(C,1)", written["icc_c_1"], consistency)
    expect(f"{name} bias", written["bias_ml"], (y - x).mean())
    spread = 1.96 * (y - x).std(ddof=1)
    expect(f"{name} limit", written["limits_of_agreement_ml"][1], (y - x).mean() + spread)


def main():
    reference_dir, output = Path(sys.argv[1]), Path(sys.argv[2])
    folders = dict(argument.split("=", 1) for argument in sys.argv[3:])
    summary = json.loads((output / "summary.json").read_text(encoding="utf-8"))
    folds = json.loads((reference_dir.parent / "split.json").read_text(encoding="utf-8"))["folds"]
    methods = {name: evaluate_method(reference_dir, Path(folder))
               for name, folder in folders.items()}
    for name, method in methods.items():
        compare_exams(name, method, output)
        compare_curves(name, method, output, summary)
        compare_means(name, method, folds, summary)
        compare_volumes(name, method, summary)
    compare_table1(methods, output)
    compare_tests(methods, output)
    print(f"{counts['compared']} numbers compared, {len(faults)} differ")
    for fault in faults[:20]:
        print(fault)
    return 1 if faults or counts["compared"] < 1000 else 0


if __name__ == "__main__":
    sys.exit(main())
