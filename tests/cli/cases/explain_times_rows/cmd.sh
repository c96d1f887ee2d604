# Units, repeats, errors, layers that the record lacks, rows of other cases; a name that is no
# text. KEEPS
printf 'layer,m,k,n\nfc1,3072,768,128\nfc2,768,3072,128\n' >model.csv
sproof analyze model.csv --machine machine.json -p csr -s 0.95 -q >/dev/null
printf 'layer,pattern,sparsity,n,dense_s,sparse_s\nfc1,csr,0.95,128,10us,5us+-1%%\n' >times.csv
printf 'fc1,csr,0.95,128,0.0105ms,6us\nfc1,csr,0.95,128,9800ns,5.5e-6\n' >>times.csv
printf 'fc2,csr,0.95,128,10us+-1%%,5us+-1%%\nfc2,csr,0.95,64,10us,5us\n' >>times.csv
printf 'head,csr,0.95,128,10us,5us\nhead,csr,0.95,128,10us,5us\nembed,,,,10us,5us\n' >>times.csv
sproof explain -q csr@0.95 --times times.csv | sed -n '/^Your layers/,$p'
printf 'layer,dense_s,sparse_s\nhead,10us,5us\n' >none.csv
sproof explain -q csr@0.95 --times none.csv
printf 'layer,dense_s,sparse_s\nfc1,10us+-60%%,5us\nfc1,10 parsec,5us\nfc1,10us,-5us\nfc2,10us+-,5us\n\033[1m,1us,1us\n' >bad.csv
sproof explain -q csr@0.95 --times bad.csv
