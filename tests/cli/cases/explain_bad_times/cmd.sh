# Bad cells in the times.
printf 'layer,dense_s,sparse_s\nfc1,0,1\nfcx,1,1\nfc2,a,1\n' >times.csv
sproof analyze model.csv --machine machine.json -p csr -s 0.9 -q -o r.json >/dev/null
sproof explain -i r.json -q csr@0.9 --times times.csv
