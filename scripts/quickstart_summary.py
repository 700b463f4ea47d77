#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Gathers what the quickstart measured into quickstart.json: usage quickstart_summary.py RUN SECONDS."""
import json
import pathlib
import sys

KEYS = ("f2", "sensitivity", "fp_per_exam", "sensitivity_ge_1ml", "fp_per_exam_ge_1ml", "dice_detected")


def last_validation(metrics):
    """Numbers of the last validation in a run's metrics.jsonl."""
    lines = [json.loads(line) for line in metrics.read_text().splitlines()]
    return [line for line in lines if line["kind"] == "validation"][-1]


def main():
    root, seconds = pathlib.Path(sys.argv[1]), int(sys.argv[2])
    skeleton = last_validation(root / "skeleton" / "fold_0" / "metrics.jsonl")
    methods = json.loads((root / "cv" / "summary.json").read_text())["methods"]
    result = {"seconds": seconds, "skeleton_merged_dice": skeleton["dice_merged"]}
    for init in ("random", "ssl", "sap"):
        figures = next(value for name, value in methods.items() if name.startswith(init + "_"))
        result.update({f"{init}_{key}": figures[key] for key in KEYS})
    (root / "quickstart.json").write_text(json.dumps(result, indent=2) + "\n")
    print(json.dumps(result, indent=2))
    print(f"\nTable: {root}/cv/table.md; runs: {root}")


if __name__ == "__main__":
    main()
