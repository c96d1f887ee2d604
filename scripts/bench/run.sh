#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# How fast sproof itself is, each figure beside its goal. On a busy or shared machine look at
# the CPU time; nothing here passes or fails.
#   scripts/bench/run.sh          BUILD_DIR (default build-bench) is built if needed
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath -m "${BUILD_DIR:-build-bench}")

cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DSPROOF_BENCH=ON -DSPROOF_TESTS=OFF >/dev/null
cmake --build "$build" -j "$(nproc 2>/dev/null || echo 2)" --target sproof model_rate measure >/dev/null

root=$PWD
sproof=$build/sproof
measure=$(find "$build" -name measure -type f -perm -u+x | head -1)
model_rate=$(find "$build" -name model_rate -type f -perm -u+x | head -1)
machine=$root/data/machines/a100-sxm-40gb.json
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
cd "$scratch"

# line "what" "figure" "goal"
line() { printf '%-50s %44s   %s\n' "$1" "$2" "$3"; }
# timed REPEATS COMMAND...: "median(min-max) wall seconds, CPU seconds, MiB"
timed() { "$measure" -n "$@"; }

line "what" "measured" "goal"
line "layer predictions per second and core" \
    "$("$model_rate" "$machine" 2>/dev/null) million" ">= 5 million"

read -r seconds cpu _ < <(timed 20 "$sproof" --version)
line "sproof --version" "$seconds s, CPU $cpu s" "< 0.020 s"

read -r seconds cpu memory < <(timed 5 "$sproof" analyze "$root/data/models/bert_base_seq128.csv" \
    --machine "$machine" -q --no-save --format json \
    --pattern csr,4x1,4x4,16x16,32x1,32x32,2:4,ell --sparsity 0.5:0.99:0.01)
line "BERT-base x 8 patterns x 50 sparsities to JSON" "$seconds s, CPU $cpu s, $memory MiB" "< 1 s"

rows() { # rows COUNT: a layer table
    awk -v count="$1" 'BEGIN { print "layer,m,k,n,count"
        for (i = 0; i < count; i++)
            printf "encoder.layer.%d.attention.dense,%d,%d,128,1\n", i, 64 + i % 4096, 64 + i % 1024 }'
}
rows 1000000 >million.csv
read -r seconds cpu memory < <(timed 5 "$sproof" analyze million.csv --machine "$machine" -q --no-save \
    --format csv --pattern dense)
line "10^6 rows of a layer table, read and analyzed dense" "$seconds s, CPU $cpu s, $memory MiB" "< 2 s, < 1024 MiB"

rows 1000 >thousand.csv
for variants in 10 100 1000; do
    step=$(awk -v n="$variants" 'BEGIN { printf "%.12g", 1 / n }')
    last=$(awk -v n="$variants" 'BEGIN { printf "%.12g", 1 - 1 / n }')
    read -r seconds cpu memory < <(timed 5 "$sproof" analyze thousand.csv --machine "$machine" -q \
        --no-save --format csv --pattern csr --sparsity "0:$last:$step")
    line "1000 layers x $variants variants to CSV" "$seconds s, CPU $cpu s, $memory MiB" \
        "linear: $(awk -v s="$cpu" -v n="$variants" 'BEGIN { printf "%.0f ns", s * 1e6 / n }') each"
done
for variants in 10 100 1000; do
    step=$(awk -v n="$variants" 'BEGIN { printf "%.12g", 1 / n }')
    last=$(awk -v n="$variants" 'BEGIN { printf "%.12g", 1 - 1 / n }')
    read -r seconds cpu memory < <(timed 3 "$sproof" analyze thousand.csv --machine "$machine" -q \
        --no-save --format json --pattern csr --sparsity "0:$last:$step")
    line "1000 layers x $variants variants to JSON" "$seconds s, CPU $cpu s, $memory MiB" \
        "linear: $(awk -v s="$cpu" -v n="$variants" 'BEGIN { printf "%.0f ns", s * 1e6 / n }') each"
done
