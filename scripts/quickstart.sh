#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole path on a synthetic cohort: phantom, skeleton (SAP) and self-supervised (SSL)
# pretraining, lesion models from random, SSL and SAP weights in three folds, prediction,
# evaluation, one table. Builds first when needed.
# Running it again continues where it stopped; runs/quickstart is its only output.
#
# usage: scripts/quickstart.sh [--preset release]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=$2; shift 2 ;;
    -h|--help) sed -n '3,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "quickstart.sh: unknown option $1; see --help" >&2; exit 2 ;;
  esac
done

bin=build/$preset/bin
if [ ! -x "$bin/sap-cv" ]; then
  scripts/setup.sh
  cmake --preset "$preset"
  cmake --build --preset "$preset" --target sap-phantom sap-train sap-cv
fi

out=runs/quickstart
mkdir -p "$out"
begin=$(date +%s)
step() { printf '\n== %s\n' "$*"; }

step "1/5 phantom: 8 healthy and 14 metastatic subjects at 4 mm"
"$bin/sap-phantom" --output_dir "$out/healthy" --num_healthy 8 --num_metastatic 0 --spacing 4 --seed 1
"$bin/sap-phantom" --output_dir "$out/patients" --num_healthy 0 --num_metastatic 14 --spacing 4 --seed 2

step "2/5 supervised anatomical pretraining (SAP): nine bone regions"
"$bin/sap-train" --config configs/quickstart_skeleton.yaml

step "3/5 self-supervised pretraining (SSL): the encoder, without labels"
"$bin/sap-train" --config configs/quickstart_ssl.yaml

step "4/5 lesions: three folds from random, SSL and SAP weights, predictions, evaluation"
# A process an arm, one thread each: a campaign runs what is missing, so they share its folder.
arms=()
trap 'kill "${arms[@]}" 2>/dev/null || true' EXIT
for init in random ssl sap; do
  "$bin/sap-cv" run --config configs/quickstart.yaml --inits "[$init]" >"$out/$init.log" 2>&1 &
  arms+=($!)
done
for init in random ssl sap; do
  wait "${arms[0]}" || { tail -n 5 "$out/$init.log" >&2; exit 1; }
  arms=("${arms[@]:1}")
  echo "$init: done ($(($(date +%s) - begin)) s since the start)"
done
trap - EXIT
"$bin/sap-cv" collect --config configs/quickstart.yaml

step "5/5 figures"
seconds=$(($(date +%s) - begin))
python3 scripts/quickstart_summary.py "$out" "$seconds"
echo "report: $out/cv/report/report.html"
