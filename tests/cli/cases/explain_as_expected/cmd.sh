# Calls that take the time, as expected; another unit; a runtime that is known; layers that differ
# with none slower. KEEPS
tell() { sed -n '/^Verdict/,$p'; }
printf 'layer,m,k,n\nfc,64,64,1\n' >model.csv
sproof analyze model.csv -m a100-pcie-80gb -p 2:4 -q >/dev/null
sproof explain -q 2:4@0.5 --measured dense=4us,sparse=5.7us | sed -n '/^Your runtime/,$p'
sproof explain -q 2:4@0.5 --measured dense=4us,sparse=5.7us -f json | grep verdict
sproof explain -q 2:4@0.5 --measured dense=40us,sparse=45us | tell
printf 'layer,dense_s,sparse_s\nfc,1500,420\n' >times.csv
sproof explain -q 2:4@0.5 --times times.csv | tell
printf 'layer,m,k,n\nfc,3072,3072,512\nup,4096,3072,512\n' >model.csv
sproof analyze model.csv -m epyc-9654 -p csr -s 0.9 -q >/dev/null
sproof explain -q csr@0.9 --runtime onnxruntime --measured dense=42ms,sparse=12ms | tell
sproof explain -q csr@0.9 --runtime onnxruntime --measured dense=12ms,sparse=12ms | tell
sproof explain -q csr@0.9 --runtime onnxruntime --measured dense=12ms,sparse=12ms -f json | grep zeros_not
printf 'layer,dense_s,sparse_s\nfc,5ms,1ms\nup,6ms,6ms\n' >times.csv
sproof explain -q csr@0.9 --times times.csv | tell
