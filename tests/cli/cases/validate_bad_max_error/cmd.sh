# A gate that is no share.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
sproof validate net.csv --max-error lots
