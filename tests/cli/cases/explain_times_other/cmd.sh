# Times of an operator that is no product: it has no n.
printf 'layer,op,m,k,n,x_elements,flops\nfc,,3072,768,128,,\nnorm,other,,,,196608,688128\n' >model.csv
sproof analyze model.csv --machine machine.json -p csr -s 0.95 -q >/dev/null
printf 'layer,dense_s,sparse_s,n\nfc,10us,5us,128\nnorm,2us,2us,\n' >times.csv
sproof explain -q csr@0.95 --times times.csv | sed -n '/^Your layers/,$p'
