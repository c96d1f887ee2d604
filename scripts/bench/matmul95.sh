#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Products at 95 % sparsity beside the best of other libraries, dense and sparse, weights and X in
# the caches and in memory. Wants a machine with nothing else to do.
#   scripts/bench/matmul95.sh [--quick] [--shapes 768x768,4096x4096] [--tokens 1,128] [--threads 1]
# --quick: two shapes, three numbers of tokens. A shape's times are kept in BUILD_DIR/matmul95 (with
# --quick: matmul95-quick), replaced when it is measured again; the table is of all shapes kept there.
set -euo pipefail
cd "$(dirname "$0")/../.."
build=$(realpath -m "${BUILD_DIR:-build-peers}")
kept=$build/matmul95 threads=1
shapes=512x512,768x768,1024x1024,3072x768,768x3072,2048x2048,4096x4096
tokens=1,8,16,64,128,512

usage() {
    sed -n '3,7s/^# \?//p' "$0" >&2
    exit 2
}
while [ $# -gt 0 ]; do
    case $1 in
    --quick) kept=$build/matmul95-quick shapes=768x768,3072x768 tokens=1,16,128 ;;
    --shapes) shapes=${2:-} && shift ;;
    --tokens) tokens=${2:-} && shift ;;
    --threads) threads=${2:-} && shift ;;
    *) usage ;;
    esac
    shift
done
[[ $shapes =~ ^[0-9]+x[0-9]+(,[0-9]+x[0-9]+)*$ && $tokens =~ ^[0-9]+(,[0-9]+)*$ &&
    $threads =~ ^[0-9]+$ ]] || usage

mkdir -p "$kept"
for shape in ${shapes//,/ }; do
    cases=$shape$(sed "s/,/,${shape}x/g; s/^/x/" <<<"$tokens")
    BUILD_DIR=$build scripts/bench/peers/run.sh --only matmul95 --threads "$threads" \
        --shapes "$cases" --csv "$kept/$shape.new" >"$kept/$shape.txt"
    mv "$kept/$shape.new" "$kept/$shape.csv"
done
cat "$kept/${shapes%%,*}.txt"
python3 scripts/bench/matmul95.py --csv "$kept-cells.csv" "$kept"/*.csv
