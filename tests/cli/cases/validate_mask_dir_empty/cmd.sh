# No mask of any layer.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
mkdir masks
SPROOF_PROBE=off sproof validate net.csv --mask-dir masks -q
