# A budget that is no time.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
sproof validate net.csv --budget soon
