# A variant table has sparsities of its own.
printf 'layer,m,k,n,variant,pattern,sparsity\nfc,32,48,4,,,\nfc,,,,v,4x4,0.5\n' >net.csv
sproof validate net.csv --sparsity 0.9
