#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Measures an NVIDIA GPU: its rates, then the prunable layers of five networks at one input
# (cold, bound by memory) and at many (warm), and figures over all of it. About five minutes.
#   gpu.sh SPROOF [DIRECTORY [DEVICE]]
# SPROOF is built with -DSPROOF_CUDA=ON. 2:4 needs libcusparseLt.so.0 where the loader finds it.
set -eu

sproof=$1 directory=${2:-gpu} device=${3:-cuda:0}
here=$(cd "$(dirname "$0")" && pwd)
models=$here/../../data/models
mkdir -p "$directory"
"$sproof" probe --device "$device" -o "$directory/machine.json" | tee "$directory/probe.txt"

# validate NAME MODEL BATCH RESIDENCY PATTERNS SPARSITIES BUDGET; status 3: too noisy to judge,
# the record is there all the same.
validate() {
    status=0
    "$sproof" validate "$models/$2.csv" --batch "$3" --residency "$4" --pattern "$5" \
        --sparsity "$6" --budget "$7" --device "$device" --machine "$directory/machine.json" \
        -o "$directory/$1.json" >"$directory/$1.txt" || status=$?
    echo "$1: status $status"
    [ $status -eq 0 ] || [ $status -eq 3 ]
}
patterns=csr,16x16,32x32,64x64,2:4 sparsities=0.5,0.7,0.8,0.9,0.95
validate bert32 bert_base_seq128 32 warm $patterns $sparsities 30s
validate llama4096 llama7b_decode 4096 warm $patterns 0.9 80s
validate llama4096_32x32 llama7b_decode 4096 warm 32x32 0.5,0.8,0.95 40s
validate bert1 bert_base_seq128 1 cold $patterns $sparsities 30s
validate vit32 vit_b_16 32 warm $patterns $sparsities 30s
validate vit1 vit_b_16 1 cold $patterns $sparsities 30s
validate resnet32 resnet50 32 warm $patterns 0.7,0.9 40s
validate resnet1 resnet50 1 cold $patterns 0.7,0.9 30s
validate llama16 llama7b_decode 16 cold 32x32,64x64,2:4 0.9 30s
validate convnext32 convnext_tiny 32 warm $patterns 0.7,0.9 30s
validate convnext1 convnext_tiny 1 cold $patterns 0.9 30s

set --
for name in bert32 vit32 resnet32 convnext32 bert1 vit1 resnet1 convnext1 llama4096 \
    llama4096_32x32 llama16; do
    set -- "$@" "$directory/$name.json"
done
python3 "$here/gpu_figures.py" --csv "$directory/cases.csv" "$@" | tee "$directory/figures.txt"
