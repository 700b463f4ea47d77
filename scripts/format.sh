#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Formats every C++ file that git tracks, or with --check names those that are not formatted.
#
# usage: scripts/format.sh [--check]
# Exit code: 0 all formatted; 1 --check found files that are not.

set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
check=0
case "${1:-}" in
  "") ;;
  --check) check=1 ;;
  --help | -h) print_help; exit 0 ;;
  *) die "unknown option '$1'" "the only option is --check" "scripts/format.sh --help" ;;
esac
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Other versions lay out some lines differently, so the version is part of the style.
formatter=$(command -v clang-format-14) ||
  die "clang-format-14 is not installed" "the style is clang-format 14's" "run scripts/setup.sh"

list_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z -- '*.h' '*.cc'
  else
    find . -path ./build -prune -o '(' -name '*.h' -o -name '*.cc' ')' -print0
  fi
}

if ! ((check)); then
  list_files | xargs -0 -r -n 16 -P "$(nproc)" "$formatter" -i
elif ! report=$(list_files | xargs -0 -r -n 16 -P "$(nproc)" \
  "$formatter" --dry-run -Werror --ferror-limit=1 2>&1); then
  # Without its first place in each file the report would run to thousands of lines.
  places=$(grep -oE '^[^ :]+:[0-9]+:[0-9]+: error' <<<"$report" | cut -d: -f1,2 | sort -u || true)
  die "not formatted (first place of each file):"$'\n'"${places:-$report}" \
    "files are formatted as .clang-format says" "run scripts/format.sh"
else
  say "all files formatted"
fi
