# A variant nobody knows: the nearest name.
printf 'layer,m,k,n,variant,pattern,sparsity\nfc,768,768,128,,,\nfc,,,,blocks,4x4,0.9\n' >table.csv
sproof analyze table.csv --machine machine.json -q -o r.json >/dev/null
sproof explain -i r.json bloks
