# What is known of a runtime, for its pattern or for any; a name nobody knows, a pattern that has no
# row, a mixed variant. KEEPS
printf 'layer,m,k,n,variant,pattern,sparsity\nfc,768,768,128,,,\nup,768,768,128,,,\nfc,,,,mix,csr,0.9\nup,,,,mix,2:4,0.5\n' >model.csv
sproof analyze model.csv --machine machine.json -q >/dev/null
for of in csr@0.9:pytorch 4x4@0.9:pytorch 4x4@0.9:tvm 2:4@0.5:tensorrt mix:openvino; do
    sproof explain -q "${of%:*}" --runtime "${of##*:}" | sed -n '/^Known/,$p'
done
sproof explain -q csr@0.9 --runtime onnxruntime --measured dense=4us,sparse=4us | sed -n '/^Your/,$p'
sproof explain -q csr@0.9 --runtime onnxruntime -f json | sed -n '/"runtime"/,/}/p'
sproof explain -q csr@0.9 --runtime vllm
sproof explain -q mix --runtime vllm
sproof explain -q csr@0.9 --runtime pytorhc
mkdir data && printf 'runtime,pattern,zeros,condition,source,looked_up\nx,any,kept,a,b,c\nx,9x,skipped,a,b,c\n' >data/runtimes.csv
SPROOF_DATA=$PWD/data sproof explain -q csr@0.9 --runtime x
