# Two methods for one table variant.
printf 'layer,m,k,n,variant,pattern,sparsity\nfc,768,768,128,,,\nfc,,,,v,4x4,0.9\n' >table.csv
sproof analyze table.csv --machine machine.json --accuracy accuracy.csv
