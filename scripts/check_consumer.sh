#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs a finished build into a temporary folder, then configures, builds and runs the project
# of tests/consumer against that folder alone.
#
# usage: scripts/check_consumer.sh [--preset NAME]

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
preset=release
case "${1:-}" in
  "") ;;
  --preset) preset=${2:?--preset NAME} ;;
  --help | -h) print_help; exit 0 ;;
  *) die "unknown option '$1'" "the only option is --preset NAME" "scripts/check_consumer.sh --help" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -f "build/$preset/build.ninja" ]] ||
  die "build/$preset is not there" "the consumer uses a finished build" \
    "cmake --preset $preset && cmake --build build/$preset"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cmake --install "build/$preset" --prefix "$work/prefix" >"$work/install.log" ||
  die "cmake --install failed" "build/$preset is finished" "cmake --build build/$preset"

# A path of this checkout in the package would break it on any other machine.
if grep -rnF "$PWD/" "$work/prefix/lib/cmake" "$work/prefix/include"; then
  die "the installed package names this checkout (above)" \
    "an installed package stands alone" "look at cmake/SapInstall.cmake and its targets"
fi
cmake -S tests/consumer -B "$work/build" -G Ninja -DCMAKE_PREFIX_PATH="$work/prefix" \
  -DCMAKE_BUILD_TYPE=Release >"$work/configure.log" 2>&1 || {
  cat "$work/configure.log" >&2
  die "tests/consumer does not configure (above)" "find_package(sap) works on an install" \
    "look at cmake/sapConfig.cmake.in"
}
cmake --build "$work/build" --parallel "$(default_jobs)"
"$work/build/consumer"
say "the installed package builds and runs a project of its own"
