# A mask of another layer.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
mkdir masks
printf '2, 3, 2\n0 1 2\n0 2\n' >masks/fc.smtx
SPROOF_PROBE=off sproof validate net.csv --mask-dir masks -q
