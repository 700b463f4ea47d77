#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds everything and runs every check: format, layers, build, tests, and a project that uses the
# installed package. All phases that can run do run; the summary names those that failed.
#
# usage: scripts/test.sh [--preset NAME] [--fast] [--jobs N] [--help]
#
#   --preset NAME  a preset of CMakePresets.json (default: release)
#   --fast         only the tests labelled 'fast', and no consumer
#   --jobs N       compilers at once (default: one a core, as far as memory carries)
#
# Tests labelled 'peer' need other programs to compare with and are left out, and so are those
# labelled 'gpu' where there is no NVIDIA GPU. Exit code: 0 all passed; 1 otherwise.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

parse_arguments() {
  preset=release
  fast=0
  jobs=$(default_jobs)
  while (($#)); do
    case "$1" in
      --preset | --jobs)
        (($# >= 2)) || die "$1 lacks its value" "--preset NAME, --jobs N" "scripts/test.sh --help"
        if [[ "$1" == --preset ]]; then preset=$2; else jobs=$2; fi
        shift ;;
      --fast) fast=1 ;;
      --help | -h) print_help; exit 0 ;;
      *) die "unknown option '$1'" "options are --preset NAME, --fast, --jobs N, --help" \
           "scripts/test.sh --help" ;;
    esac
    shift
  done
  [[ "$jobs" =~ ^[1-9][0-9]*$ ]] ||
    die "--jobs '$jobs'" "a whole number of at least 1" "leave it out for the default"
}

summary=()
failed=()

# phase NAME COMMAND...: runs it, keeps its duration and verdict.
phase() {
  local name=$1 start=$SECONDS verdict=passed
  shift
  printf '\n== %s\n' "$name"
  "$@" </dev/null || verdict=FAILED
  summary+=("$(printf '%-10s %-7s %5d s' "$name" "$verdict" $((SECONDS - start)))")
  [[ $verdict == passed ]] || failed+=("$name")
  [[ $verdict == passed ]]
}

build_all() { cmake --preset "$preset" && cmake --build "build/$preset" --parallel "$jobs"; }

run_tests() {
  local leave_out=peer selection=()
  # A library of NVIDIA's driver alone does not make a GPU: ask for a device file.
  [[ -e /dev/nvidia0 ]] || leave_out="peer|gpu"
  ((fast)) && selection=(-L fast)
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error \
    --label-exclude "^($leave_out)\$" "${selection[@]}"
}

check_layers() { scripts/check_layers.py --self-test && scripts/check_layers.py; }

parse_arguments "$@"
cd "$(dirname "${BASH_SOURCE[0]}")/.."
phase format scripts/format.sh --check || true
phase layers check_layers || true
if phase build build_all; then
  phase tests run_tests || true
  ((fast)) || phase consumer scripts/check_consumer.sh --preset "$preset" || true
fi

printf '\n== summary (preset %s, %d jobs)\n' "$preset" "$jobs"
printf '%s\n' "${summary[@]}"
if ((${#failed[@]})); then
  say "FAILED: ${failed[*]}"
  exit 1
fi
