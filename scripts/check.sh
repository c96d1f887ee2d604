#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gate before a change goes in.
#   scripts/check.sh              all stages
#   scripts/check.sh STAGE...     format shell python cppcheck gcc clang tidy cuda sanitize replay tests folders
# A tool that is missing is a skipped stage, or a failed one when CI=true. The stage that fails
# is the last and is named. Builds lie in build-check/STAGE; JOBS is the parallelism.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}
builds=${BUILD_DIR:-build-check}
all=(format shell python cppcheck gcc clang tidy cuda sanitize replay tests folders)
style=14 # the major version of clang-format: each formats a little differently

skipped=()
# have TOOL STAGE: true when the tool is there; otherwise the stage is skipped, or fails in CI.
have() {
    if command -v "$1" >/dev/null; then
        return 0
    fi
    lacks "$2" "$1 is not installed"
    return 1
}

# lacks STAGE WHAT: the stage is skipped, or fails in CI.
lacks() {
    if [ "${CI:-}" = true ]; then
        echo "$1: $2" >&2
        exit 1
    fi
    echo "$1: skipped, $2" >&2
    skipped+=("$1")
}

# build NAME CMAKE-ARGUMENTS...: configures and builds in $builds/NAME
build() {
    local name=$1
    local log=$builds/$name/build.log
    shift
    cmake -S . -B "$builds/$name" -DSPROOF_WERROR=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" >/dev/null
    if ! cmake --build "$builds/$name" -j "$jobs" >"$log" 2>&1; then
        grep -A 5 -E 'error:|undefined reference|\*\*\*' "$log" >&2 || tail -n 20 "$log" >&2
        return 1
    fi
}

stage_format() {
    local tool
    for tool in "clang-format-$style" clang-format; do
        if "$tool" --version 2>/dev/null | grep -q "version $style\."; then
            find src include tests scripts -name '*.[ch]' -print0 -o -name '*.cu' -print0 \
                -o -name '*.cpp' -print0 | xargs -0 "$tool" --dry-run -Werror
            return
        fi
    done
    lacks format "clang-format $style is not installed"
}

# With the programs that time sproof, and the comparison, which the tests do not build.
stage_gcc() {
    build gcc -DCMAKE_C_COMPILER=gcc -DCMAKE_CXX_COMPILER=g++ -DCMAKE_BUILD_TYPE=Debug \
        -DSPROOF_BENCH=ON -DSPROOF_PEERS=ON
}

clang_build=(-DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Release
    -DSPROOF_BENCH=ON -DSPROOF_PEERS=ON)
stage_clang() {
    have clang clang || return 0
    build clang "${clang_build[@]}"
}

stage_tidy() {
    have clang-tidy tidy || return 0
    have clang tidy || return 0
    cmake -S . -B "$builds/clang" -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "${clang_build[@]}" >/dev/null
    find src -name '*.c' -print0 | xargs -0 -P "$jobs" -n 4 clang-tidy -p "$builds/clang" --quiet 2>/dev/null
}

stage_cppcheck() {
    have cppcheck cppcheck || return 0
    cmake -S . -B "$builds/cppcheck" >/dev/null
    # uninitvar, arrayIndexThenCheck, autoVariables: wrong about values that a function fills;
    # CastIntegerToAddressAtReturn: takes a pointer to a function for an integer.
    local options=('--enable=warning,performance,portability' --quiet --error-exitcode=1
        -j "$jobs" --inline-suppr --suppress=missingIncludeSystem --suppress=uninitvar
        --suppress=arrayIndexThenCheck --suppress=autoVariables
        --suppress=CastIntegerToAddressAtReturn
        -Iinclude -Isrc -Itests "-I$builds/cppcheck/generated" -D_POSIX_C_SOURCE=200809L
        -DSPROOF_VERSION='"0"' -DSPROOF_COMMIT='"0"' -DSPROOF_BUILD_TYPE='"0"'
        -DSPROOF_INSTALL_DATA='"x"' -DSPROOF_TEST_DATA='"x"')
    find src tests scripts -name '*.c' -print0 | xargs -0 cppcheck --std=c11 "${options[@]}"
    # Not .cu: it cannot read how a kernel is launched.
    find src tests scripts -name '*.cpp' -print0 | xargs -0 cppcheck --std=c++17 "${options[@]}"
}

stage_shell() {
    have shellcheck shell || return 0
    # A case's cmd.sh is a few lines for sh; the scripts are for bash.
    shellcheck -x scripts/*.sh scripts/bench/*.sh scripts/bench/peers/*.sh scripts/ci/*.sh .ci/run \
        tests/cli/run.sh tests/ci/*.sh tests/symbols/check.sh
}

stage_python() {
    have python3 python || return 0
    PYTHONPYCACHEPREFIX=$builds/python python3 -m compileall -q scripts tests
    # Strict checks of types follow torch's own.
    if command -v mypy >/dev/null && python3 -c 'import torch' 2>/dev/null; then
        mypy --config-file scripts/mypy.ini scripts/python/*.py scripts/bench/bert/*.py \
            scripts/bench/bert.py
    fi
}

stage_cuda() {
    have nvcc cuda || return 0
    build cuda -DSPROOF_CUDA=ON -DCMAKE_BUILD_TYPE=Release
    ctest --test-dir "$builds/cuda" --output-on-failure -j "$jobs" -L cuda
}

# -O1 is half the time. Warnings are off as errors: gcc's about sizes go astray with sanitizers.
# The machine's own measurement takes minutes here, and unit.probe has its parts.
stage_sanitize() {
    build sanitize -DSPROOF_SANITIZE=ON -DSPROOF_WERROR=OFF -DCMAKE_C_COMPILER=gcc \
        -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS_DEBUG='-O1 -g1'
    ctest --test-dir "$builds/sanitize" --output-on-failure -j "$jobs" --timeout 600 \
        -L 'unit|property|allocation|fuzz|cli' -E probe_first_run
}

# The corpora under the fuzzers' own compiler; the fuzzers themselves must still build.
stage_replay() {
    have clang replay || return 0
    build replay -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSPROOF_FUZZ=ON \
        -DSPROOF_SANITIZE=ON
    ctest --test-dir "$builds/replay" --output-on-failure -j "$jobs" -L fuzz
}

stage_tests() {
    build tests -DCMAKE_BUILD_TYPE=Release
    ctest --test-dir "$builds/tests" --output-on-failure -j "$jobs"
}

# Two builds, so not one of the tests: the same bytes from two folders.
stage_folders() {
    have python3 folders || return 0
    python3 -B tests/install/test_install.py folders
}

[ $# -gt 0 ] || set -- "${all[@]}"
for stage in "$@"; do
    if ! declare -F "stage_$stage" >/dev/null; then
        echo "unknown stage '$stage': expected ${all[*]}" >&2
        exit 2
    fi
done
trap '[ $? -eq 0 ] || echo "stage $current failed" >&2' EXIT
for current in "$@"; do
    echo "== $current"
    "stage_$current"
done
if [ ${#skipped[@]} -gt 0 ]; then
    echo "all right, but skipped: ${skipped[*]}"
else
    echo "all right: $*"
fi
