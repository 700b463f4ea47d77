# SPDX-License-Identifier: Apache-2.0
# Shared by the scripts of this folder: source it, do not run it.

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# die WHAT RULE NEXT: one failure, the rule it broke, and what to do about it; ends with code 1.
die() {
  printf '%s: FAILED: %s\n  rule: %s\n  next: %s\n' "${0##*/}" "$1" "$2" "$3" >&2
  exit 1
}

# The comment block at the top of a script is its --help.
print_help() { sed -n '3,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"; }

cache_folder() {
  if [[ -n "${SAP_CACHE:-}" ]]; then
    printf '%s\n' "$SAP_CACHE"
  else
    printf '%s\n' "${HOME:?set HOME or SAP_CACHE}/.cache/sap"
  fi
}

# As many compilers as there are cores, but no more than memory carries: a file that includes
# LibTorch needs up to 1.5 GB.
default_jobs() {
  local cores memory_kb
  cores=$(nproc)
  memory_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo)
  local by_memory=$((memory_kb / 2000000))
  ((by_memory < 1)) && by_memory=1
  echo $((cores < by_memory ? cores : by_memory))
}
