#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The gate before a change goes in.
#   scripts/check.sh              all stages
#   scripts/check.sh STAGE...     format gcc clang tidy cppcheck shell sanitize replay tests
# A tool that is missing is a skipped stage, or a failed one when CI=true.
# Builds lie in build-check/STAGE; JOBS is the parallelism.
set -euo pipefail
cd "$(dirname "$0")/.."

jobs=${JOBS:-$(nproc 2>/dev/null || echo 2)}
builds=${BUILD_DIR:-build-check}
sanitizers='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer'
all=(format gcc clang tidy cppcheck shell sanitize replay tests)

skipped=()
# have TOOL STAGE: true when the tool is there; otherwise the stage is skipped, or fails in CI.
have() {
    if command -v "$1" >/dev/null; then
        return 0
    fi
    if [ "${CI:-}" = true ]; then
        echo "$2: $1 is not installed" >&2
        exit 1
    fi
    echo "$2: skipped, $1 is not installed" >&2
    skipped+=("$2")
    return 1
}

sources() { find src include tests scripts -name '*.[ch]' -print0; }

# build NAME CMAKE-ARGUMENTS...: configures and builds in $builds/NAME
build() {
    local name=$1
    shift
    cmake -S . -B "$builds/$name" -DSPROOF_WERROR=ON -DCMAKE_EXPORT_COMPILE_COMMANDS=ON "$@" >/dev/null
    cmake --build "$builds/$name" -j "$jobs" -- --no-print-directory | grep -E 'error|warning' || true
    cmake --build "$builds/$name" -j "$jobs" >/dev/null
}

stage_format() {
    have clang-format format || return 0
    sources | xargs -0 clang-format --dry-run -Werror
}

stage_gcc() { build gcc -DCMAKE_C_COMPILER=gcc -DCMAKE_BUILD_TYPE=Debug -DSPROOF_BENCH=ON; }

stage_clang() {
    have clang clang || return 0
    build clang -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release -DSPROOF_BENCH=ON
}

stage_tidy() {
    have clang-tidy tidy || return 0
    have clang tidy || return 0
    cmake -S . -B "$builds/clang" -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=Release \
        -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >/dev/null
    find src -name '*.c' -print0 | xargs -0 -P "$jobs" -n 4 clang-tidy -p "$builds/clang" --quiet 2>/dev/null
}

stage_cppcheck() {
    have cppcheck cppcheck || return 0
    cmake -S . -B "$builds/gcc" >/dev/null
    # uninitvar, arrayIndexThenCheck, autoVariables: wrong about values that a function fills;
    # CastIntegerToAddressAtReturn: takes a pointer to a function for an integer.
    cppcheck --enable=warning,performance,portability --std=c11 --quiet --error-exitcode=1 \
        -j "$jobs" --inline-suppr --suppress=missingIncludeSystem --suppress=uninitvar \
        --suppress=arrayIndexThenCheck --suppress=autoVariables \
        --suppress=CastIntegerToAddressAtReturn \
        -Iinclude -Isrc "-I$builds/gcc/generated" -D_POSIX_C_SOURCE=200809L \
        -DSPROOF_VERSION='"0"' -DSPROOF_COMMIT='"0"' -DSPROOF_BUILD_TYPE='"0"' \
        -DSPROOF_SOURCE_DATA='"x"' -DSPROOF_INSTALL_DATA='"x"' src
}

stage_shell() {
    have shellcheck shell || return 0
    # A case's cmd.sh is a few lines for sh; the scripts are for bash.
    shellcheck -x scripts/*.sh scripts/bench/*.sh scripts/bench/peers/*.sh scripts/ci/*.sh .ci/run \
        tests/cli/run.sh tests/ci/*.sh tests/symbols/check.sh
}

stage_sanitize() {
    build sanitize -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_C_FLAGS="$sanitizers"
    ctest --test-dir "$builds/sanitize" --output-on-failure -j "$jobs"
}

# The corpora under the fuzzers' own compiler; the fuzzers themselves must still build.
stage_replay() {
    have clang replay || return 0
    build replay -DCMAKE_C_COMPILER=clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DSPROOF_FUZZ=ON \
        -DCMAKE_C_FLAGS="$sanitizers"
    ctest --test-dir "$builds/replay" --output-on-failure -j "$jobs" -L fuzz
}

stage_tests() {
    build tests -DCMAKE_BUILD_TYPE=Release
    ctest --test-dir "$builds/tests" --output-on-failure -j "$jobs"
}

[ $# -gt 0 ] || set -- "${all[@]}"
for stage in "$@"; do
    if ! declare -F "stage_$stage" >/dev/null; then
        echo "unknown stage '$stage': expected ${all[*]}" >&2
        exit 2
    fi
done
for stage in "$@"; do
    echo "== $stage"
    "stage_$stage"
done
if [ ${#skipped[@]} -gt 0 ]; then
    echo "all right, but skipped: ${skipped[*]}"
else
    echo "all right: $*"
fi
