#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# sproof's kernels beside OpenBLAS, oneDNN, LIBXSMM, Eigen, XNNPACK and Intel's MKL on the same
# matrices: every result checked, then timed in turns of random order. Tables and goals go to
# standard output, all times with intervals, and medians, to BUILD_DIR/peers-THREADS.csv.
#   scripts/bench/peers/run.sh               one thread, then all
#   scripts/bench/peers/run.sh OPTIONS...    one run with the options of peers (--help lists them)
# The libraries are Debian packages. MKL is a yardstick that nothing links to: its wheels come
# from the package index into BUILD_DIR when pip can fetch them (MKL=no: not at all). A library
# that cannot be had is left out and named in the output. Wants a machine with nothing else to
# do; nothing here decides a test.
set -euo pipefail
cd "$(dirname "$0")/../../.."
build=$(realpath -m "${BUILD_DIR:-build-peers}")

# shellcheck source=scripts/packages.sh
. scripts/packages.sh
need_packages cmake make g++
for library in "libopenblas-dev" "libdnnl-dev" "libxsmm-dev" "libeigen3-dev" "libxnnpack-dev libpthreadpool-dev"; do
    read -r -a packages <<<"$library"
    need_packages "${packages[@]}" || echo "note: going on without $library" >&2
done

# Newest first; the last that asks whether the CPU is Intel's is the one that can be told so.
mkl_versions=(2026.2.0 2024.2.2)
# mkl VERSION: fetches it once; prints the path of its library, or nothing
mkl() {
    local home=$build/mkl-$1
    if [ "${MKL:-}" != no ] && [ ! -e "$home/done" ] && command -v python3 >/dev/null; then
        if python3 -m pip install --quiet --no-deps --ignore-installed --no-warn-script-location \
            --disable-pip-version-check --prefix "$home" "mkl==$1" >&2; then
            touch "$home/done"
        else
            echo "note: going on without MKL $1: pip cannot fetch it" >&2
        fi
    fi
    if [ -d "$home" ]; then
        find "$home" -name 'libmkl_rt.so.*' | head -1
    fi
}
if [ -z "${PEERS_MKL:-}" ]; then
    PEERS_MKL=$(mkl "${mkl_versions[0]}")
fi
if [ -z "${PEERS_MKL_OVERRIDE:-}" ] && grep -q AuthenticAMD /proc/cpuinfo; then
    PEERS_MKL_OVERRIDE=$(mkl "${mkl_versions[1]}")
fi
export PEERS_MKL PEERS_MKL_OVERRIDE="${PEERS_MKL_OVERRIDE:-}"

cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DSPROOF_PEERS=ON -DSPROOF_TESTS=OFF >/dev/null
cmake --build "$build" -j "$(nproc 2>/dev/null || echo 2)" --target peers >/dev/null
peers=$build/scripts/bench/peers/peers

if [ $# -gt 0 ]; then
    exec "$peers" "$@"
fi
status=0
for threads in $(printf '%s\n' 1 "$(nproc)" | sort -nu); do
    "$peers" --threads "$threads" --csv "$build/peers-$threads.csv" || status=$?
done
exit "$status"
