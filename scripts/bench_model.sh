#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Times our network and MONAI's beside each other and prints the ratios.
#   scripts/bench_model.sh [PEER_PYTHON] [PEER_SCRIPT]
# PEER_PYTHON: a Python that has torch and monai (default: python3). PEER_SCRIPT: a benchmark that
# takes the same options and prints the same JSON keys (default: ../shared/peers/monai_bench.py).
# SAP_BENCH_CASES: "a;b;..." in place of the cases below. Needs build/release/bin/sap_bench_model.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
ours="$root/build/release/bin/sap_bench_model"
python="${1:-python3}"
script="${2:-$root/../shared/peers/monai_bench.py}"
cases="${SAP_BENCH_CASES:-forward --fs 48 --size 96;train --fs 48 --size 96;train --fs 12 --size 64 --batch 2}"

[ -x "$ours" ] || { echo "no $ours: build the target sap_bench_model first" >&2; exit 4; }
have_peer=yes
if [ ! -f "$script" ] || ! "$python" -c 'import monai, torch' >/dev/null 2>&1; then
  have_peer=no
  echo "peer absent: $python has no monai, or there is no $script; timing ours alone" >&2
fi

field() { sed -n "s/.*\"$2\": *\([0-9.]*\).*/\1/p" <<<"$1"; }

IFS=';' read -ra list <<<"$cases"
for options in "${list[@]}"; do
  read -ra words <<<"$options"
  mine="$("$ours" "${words[@]}")"
  echo "$mine"
  if [ "$have_peer" = no ]; then
    echo "$options: peer absent"
    continue
  fi
  # Settings that steer a BLAS of another build would slow the peer down.
  peer="$(env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE "$python" "$script" "${words[@]}" 2>/dev/null)"
  echo "$peer"
  awk -v name="$options" -v a="$(field "$mine" min_s)" -v b="$(field "$peer" min_s)" \
    -v m="$(field "$mine" peak_rss_mib)" -v n="$(field "$peer" peak_rss_mib)" \
    'BEGIN { printf "%s: %.2f times the speed of the peer at %.2f of its peak memory\n", name, b / a, m / n }'
done
