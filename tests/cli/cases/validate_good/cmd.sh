# A small network, measured; times vary, so only what does not is shown. Exit 3 is noise.
printf 'layer,m,k,n,op,prunable\nfc1,64,48,8,,\nfc2,64,48,8,,\nhead,10,64,1,,0\ndw,16,9,8,depthwise,\n' >net.csv
SPROOF_PROBE=off sproof validate net.csv --pattern csr,comp:4,4:2:8,4x4 --sparsity 0.5 --threads 1 --quick 2>err.txt \
    -q >out.txt
status=$?
grep -v "^sproof: inconclusive" err.txt >&2
grep -E '^(fc|head|not measured|saved)' out.txt
grep -o -E '"(schema|mask|variant)":"[^"]*"' sproof-validation.json | sort | uniq -c | sed 's/^ *//'
[ $status -eq 0 ] || [ $status -eq 3 ]
