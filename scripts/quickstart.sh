#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The whole path on a synthetic cohort: phantom, skeleton pretraining, lesion models from random
# and from SAP weights in three folds, prediction, evaluation, one table. Builds first when needed.
# Running it again continues where it stopped; runs/quickstart is its only output.
#
# usage: scripts/quickstart.sh [--preset release]
set -euo pipefail
cd "$(dirname "$0")/.."

preset=release
while [ $# -gt 0 ]; do
  case $1 in
    --preset) preset=$2; shift 2 ;;
    -h|--help) sed -n '3,8s/^# \{0,1\}//p' "$0"; exit 0 ;;
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

step "1/4 phantom: 8 healthy and 14 metastatic subjects at 4 mm"
"$bin/sap-phantom" --output_dir "$out/healthy" --num_healthy 8 --num_metastatic 0 --spacing 4 --seed 1
"$bin/sap-phantom" --output_dir "$out/patients" --num_healthy 0 --num_metastatic 14 --spacing 4 --seed 2

step "2/4 skeleton pretraining: nine bone regions"
"$bin/sap-train" --config configs/quickstart_skeleton.yaml

step "3/4 lesions: three folds from random and from SAP weights, predictions, evaluation"
# Two processes, one core each: a campaign runs what is missing, so they share its folder.
"$bin/sap-cv" run --config configs/quickstart.yaml --inits '[random]' > "$out/random.log" 2>&1 &
random=$!
trap 'kill "$random" 2>/dev/null || true' EXIT
"$bin/sap-cv" run --config configs/quickstart.yaml --inits '[sap]' > /dev/null
wait "$random" || { tail -n 5 "$out/random.log" >&2; exit 1; }
trap - EXIT
"$bin/sap-cv" collect --config configs/quickstart.yaml

step "4/4 figures"
seconds=$(($(date +%s) - begin))
python3 scripts/quickstart_summary.py "$out" "$seconds"
