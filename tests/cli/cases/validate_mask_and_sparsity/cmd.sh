# Masks bring their own sparsity.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
sproof validate net.csv --mask-dir . --sparsity 0.9
