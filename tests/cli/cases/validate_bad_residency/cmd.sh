# What cannot be measured.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
sproof validate net.csv --residency dram
