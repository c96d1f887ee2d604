#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# From a fresh machine to the first answer: packages, build, BERT-base analysed, one variant
# explained, the Sparsity Roofline drawn. Results lie in build/quickstart.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/packages.sh

need_packages "${build_packages[@]}" libopenblas-dev gnuplot-nox
cmake -S . -B build -DCMAKE_BUILD_TYPE=Release >/dev/null
cmake --build build -j "$(nproc 2>/dev/null || echo 2)" --target sproof manual

root=$PWD
mkdir -p build/quickstart
cd build/quickstart
run() {
    printf '\n$ sproof %s\n' "$*"
    "$root/build/sproof" "$@"
}
run analyze "$root/data/models/bert_base_seq128.csv" \
    --accuracy "$root/data/accuracy/bert_base_squad_blocks.csv" --max-drop 1.0 \
    --machine a100-sxm-40gb
run explain
run plot --kind sparsity
printf '\nThe Sparsity Roofline: %s\n' "$PWD/sproof-sparsity.svg"
