#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# What the encoder knows before fine-tuning (the paper's Fig. 3): bottleneck vectors of lesion and
# of healthy bone patches by SSL and by SAP weights, their clusters, linear probe and t-SNE.
# By default on the quickstart's cohort and weights; run scripts/quickstart.sh first.
#
# usage: scripts/feature_study.sh [--preset release] [COHORT SSL_WEIGHTS SAP_WEIGHTS OUTPUT ROI]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
while [[ "${1:-}" == --* || "${1:-}" == -h ]]; do
  case $1 in
    --preset) preset=$2; shift 2 ;;
    -h|--help) sed -n '3,7s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "feature_study.sh: unknown option $1; see --help" >&2; exit 2 ;;
  esac
done
run=runs/quickstart
cohort=${1:-$run/patients}
ssl=${2:-$run/ssl/fold_0/model_final.safetensors}
sap=${3:-$run/skeleton/fold_0/model_final.safetensors}
out=${4:-$run/features}
roi=${5:-[32, 32, 32]}
bin=build/$preset/bin

for needed in "$cohort" "$ssl" "$sap"; do
  [ -e "$needed" ] || { echo "feature_study.sh: no $needed; run scripts/quickstart.sh first" >&2; exit 3; }
done
for arm in ssl sap; do
  "$bin/sap-predict" --features --input_dir "$cohort" --output_dir "$out/$arm" \
    --weights "[${!arm}]" --roi_size "$roi"
done
"$bin/sap-evaluate" --set features.ssl="$out/ssl" --set features.sap="$out/sap" \
  --set output_dir="$out/study" --set published_values=configs/published_values.yaml
cat "$out/study/features.md"
