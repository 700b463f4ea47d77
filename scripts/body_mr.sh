#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Trains on the one real MR volume of a folder that holds example_mr_sm.nii.gz and
# example_seg_mr.nii.gz, predicts it back onto its own grid, and prints the Dice of each class.
#
# usage: scripts/body_mr.sh FOLDER [--preset release]
set -euo pipefail
data=$(cd "${1:?scripts/body_mr.sh FOLDER; see the head of this file}" && pwd)
cd "$(dirname "$0")/.."
bin=build/${3:-release}/bin

mkdir -p runs/body_mr_case/case
cat > runs/body_mr.json <<JSON
{"training": [{"image": ["$data/example_mr_sm.nii.gz"], "label": "$data/example_seg_mr.nii.gz"}]}
JSON
cp -f "$data/example_mr_sm.nii.gz" runs/body_mr_case/case/mr.nii.gz
"$bin/sap-train" --config configs/body_mr.yaml
"$bin/sap-predict" --input_dir runs/body_mr_case --output_dir runs/body_mr/predictions \
  --weights runs/body_mr/model_final.safetensors --modalities '[mr]' --roi_size '[64,64,32]' --exact
python3 scripts/body_mr_score.py "$data/example_seg_mr.nii.gz" \
  runs/body_mr/predictions/case/prediction.nii.gz
