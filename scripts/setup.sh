#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what sap needs to build, test and run on Debian 12 (x86_64): Debian packages, and
# LibTorch from pinned wheels. Safe to repeat; the second run changes nothing and takes a second.
#
# usage: scripts/setup.sh [--libtorch VERSION] [--cuda] [--no-apt] [--help]
#
#   --libtorch VERSION  a version that scripts/libtorch.lock names (default: the first one there)
#   --cuda              also the CUDA libraries of that version (3 GB to download)
#   --no-apt            leave the system's packages alone, e.g. on a cluster without root
#   --help              this text
#
# environment: SAP_CACHE  folder for LibTorch (default: $HOME/.cache/sap)
#
# LibTorch lands in $SAP_CACHE/libtorch-VERSION (torch/ beside nvidia/). It is unpacked under a
# temporary name and renamed when whole, so an interrupted run leaves nothing half done.

set -euo pipefail
scripts=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
source "$scripts/lib.sh"
lock_file="$scripts/libtorch.lock"
package_file="$scripts/debian_packages.txt"

lock_rows() { grep -v '^#' "$lock_file"; }

parse_arguments() {
  libtorch=$(lock_rows | awk 'NR == 1 {print $1}')
  with_cuda=0
  with_apt=1
  while (($#)); do
    case "$1" in
      --libtorch)
        (($# >= 2)) || die "--libtorch lacks a version" "--libtorch VERSION" "scripts/setup.sh --help"
        libtorch=$2
        shift ;;
      --cuda) with_cuda=1 ;;
      --no-apt) with_apt=0 ;;
      --help | -h) print_help; exit 0 ;;
      *) die "unknown option '$1'" "options are --libtorch VERSION, --cuda, --no-apt, --help" \
           "scripts/setup.sh --help" ;;
    esac
    shift
  done
  local known
  known=$(lock_rows | awk '!seen[$1]++ {printf "%s%s", separator, $1; separator = ", "}')
  [[ ", $known, " == *", $libtorch, "* ]] ||
    die "LibTorch '$libtorch' is not pinned" "scripts/libtorch.lock pins $known" \
      "choose one of these, or add the version with its SHA-256 values to that file"
}

missing_packages() {
  local wanted installed
  wanted=$(grep -v '^#' "$package_file" | sort)
  # shellcheck disable=SC2086  # one word per package
  installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null |
    awk '$1 == "installed" {print $2}' | sort -u || true)
  comm -23 <(echo "$wanted") <(echo "$installed")
}

install_packages() {
  command -v dpkg-query >/dev/null ||
    die "this system has no dpkg" "packages are named for Debian 12 (bookworm)" \
      "install the list in docs/dependencies.md by other means, then scripts/setup.sh --no-apt"
  local missing as_root=()
  mapfile -t missing < <(missing_packages)
  if ((${#missing[@]} == 0)); then
    say "Debian packages: all there"
    return
  fi
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die "not root, no sudo, and these packages are missing: ${missing[*]}" \
        "installing Debian packages needs root" \
        "as root: apt-get install --no-install-recommends ${missing[*]}"
    as_root=(sudo)
  fi
  say "Debian packages: installing ${#missing[@]}: ${missing[*]}"
  local apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -q
             -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300)
  "${apt[@]}" update >&2 || say "apt-get update failed; going on with the package lists at hand"
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >&2 ||
    die "apt-get could not install: ${missing[*]}" \
      "every package of scripts/debian_packages.txt comes from Debian 12's main archive" \
      "read apt's own message above; check the network, /etc/apt/sources.list* and the release \
($(. /etc/os-release 2>/dev/null && echo "${PRETTY_NAME:-unknown}"))"
}

# A Python that has pip: the one on PATH, the system's, or a virtual environment in the cache.
find_pip() {
  local python
  for python in python3 /usr/bin/python3; do
    if "$python" -m pip --version >/dev/null 2>&1; then
      pip=("$python" -m pip)
      return
    fi
  done
  local venv="$cache/pip-venv"
  if ! "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
    rm -rf "$venv"
    python3 -m venv "$venv" >&2 ||
      die "no pip: neither 'python3 -m pip' nor 'python3 -m venv' works" \
        "LibTorch is downloaded with pip" "install python3-pip (or python3-venv)"
  fi
  pip=("$venv/bin/python" -m pip)
}

require_disk_space() {
  local need_gb=$1 have_gb
  have_gb=$(df -Pk "$cache" | awk 'NR == 2 {print int($4 / 1000000)}')
  ((have_gb >= need_gb)) ||
    die "$cache has $have_gb GB free" "unpacking LibTorch needs $need_gb GB" \
      "free some space, or set SAP_CACHE to a folder on a larger disk"
}

# download PACKAGE VERSION SHA256: leaves the checked wheel's path in $wheel.
download() {
  local package=$1 version=$2 expected=$3 minor platforms=(--platform manylinux2014_x86_64)
  for minor in $(seq 28 -1 5); do
    platforms+=(--platform "manylinux_2_${minor}_x86_64")
  done
  rm -rf "$download_folder" && mkdir "$download_folder"
  say "downloading $package $version"
  "${pip[@]}" download --quiet --no-deps --only-binary=:all: --no-cache-dir \
    --disable-pip-version-check --dest "$download_folder" "${platforms[@]}" \
    --python-version 3.11 --implementation cp --abi cp311 --abi none \
    "$package==$version" </dev/null >&2 ||
    die "pip could not download $package $version" \
      "wheels come from the package index that pip is set up for ('pip config list')" \
      "read pip's own message above: 'Connection' or 'Retrying' means the network or the index \
address, 'No matching distribution' an index without this version; then run me again"
  wheel=$(find "$download_folder" -name '*.whl')
  local found
  found=$(sha256sum "$wheel" | cut -d' ' -f1)
  [[ "$found" == "$expected" ]] ||
    die "$package $version has the wrong SHA-256: $found" \
      "scripts/libtorch.lock says $expected" \
      "do not use this file: check which index pip uses ('pip config list') and run me again; \
only if the pin itself is wrong, correct scripts/libtorch.lock"
}

# Rows (package, version, hash) of the lock for this version; $1 = 1: the CUDA set too.
wanted_wheels() {
  lock_rows | awk -v version="$libtorch" -v cuda="$1" \
    '$1 == version && ($2 == "cpu" || cuda == 1) {print $3, $4, $5}'
}

# The stamp lists the wheels in a folder. One that a later lock replaced cannot be taken out of
# it again, so such a folder counts as absent.
folder_is_current() {
  [[ -f "$target/$stamp" ]] && ! grep -qvxFf <(wanted_wheels 1) "$target/$stamp"
}

missing_wheels() {
  wanted_wheels "$with_cuda" |
    if folder_is_current; then grep -vxFf "$target/$stamp" || true; else cat; fi
}

unpack_libtorch() {
  cache=$(cache_folder)
  target="$cache/libtorch-$libtorch"
  stamp=sap-wheels.txt
  mkdir -p "$cache" ||
    die "cannot create $cache" "LibTorch is kept in SAP_CACHE" "set SAP_CACHE to a writable folder"
  exec 9>"$cache/setup.lock"
  flock 9  # a second run waits, then finds everything there
  local rows
  mapfile -t rows < <(missing_wheels)
  if ((${#rows[@]} == 0)); then
    say "LibTorch $libtorch: all there ($target)"
    return
  fi
  require_disk_space $((with_cuda ? 8 : 3))
  find_pip
  stage="$cache/.libtorch-$libtorch.partial"
  download_folder="$cache/.download"
  trap 'rm -rf "$stage" "$download_folder"' EXIT
  rm -rf "$stage"
  # Hard links: wheels that are there already cost neither time nor space.
  if folder_is_current; then cp -al "$target" "$stage"; else mkdir "$stage"; fi
  local row
  for row in "${rows[@]}"; do
    # shellcheck disable=SC2086  # package, version and hash are three words
    download $row
    unzip -q -n "$wheel" -d "$stage" ||
      die "could not unpack ${wheel##*/}" "a checked wheel unpacks into $cache" \
        "read unzip's own message above (most often a full disk); then run me again"
  done
  # A new file, since the stage's stamp may be a hard link to the one in use.
  { if folder_is_current; then cat "$target/$stamp"; fi; printf '%s\n' "${rows[@]}"; } \
    >"$stage/$stamp.new"
  mv "$stage/$stamp.new" "$stage/$stamp"
  replace_folder "$stage" "$target"
  say "LibTorch $libtorch: ready in $target"
}

replace_folder() {
  local old="$2.old"
  rm -rf "$old"
  if [[ -e "$2" ]]; then mv -T "$2" "$old"; fi
  mv -T "$1" "$2"
  rm -rf "$old"
}

parse_arguments "$@"
if [[ "$(uname -sm)" != "Linux x86_64" ]]; then
  die "this is $(uname -sm)" "the pinned wheels are for Linux on x86_64" \
    "on another machine set -DLibTorch_ROOT to a LibTorch folder of your own"
fi
((with_apt)) && install_packages
unpack_libtorch
