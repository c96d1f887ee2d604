# The record would replace the table.
printf 'layer,m,k,n\nfc,32,48,4\n' >net.csv
sproof validate net.csv -o net.csv
