#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Builds sproof with warnings as errors and runs every test.
#   scripts/test.sh [ctest arguments]     for example: scripts/test.sh -L unit
# BUILD_DIR chooses the build directory (default build-test), JOBS the parallelism.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh
. scripts/oracle.sh

need_packages "${build_packages[@]}" g++ binutils gnuplot-nox python3 python3-venv mandoc
jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}
build=${BUILD_DIR:-build-test}

oracle=$(oracle_python "$build/oracle")
cmake -S . -B "$build" -DCMAKE_BUILD_TYPE="${BUILD_TYPE:-Release}" \
    -DSPROOF_WERROR=ON -DSPROOF_TESTS=ON -DSPROOF_ORACLE_PYTHON="$oracle"
cmake --build "$build" -j "$jobs"
ctest --test-dir "$build" --output-on-failure -j "$jobs" "$@"
