# Times per layer.
printf 'layer,pattern,sparsity,n,dtype,threads,dense_s,sparse_s,kernel\nfc1,csr,0.9,128,f16,1,1e-5,9e-6,mine\nfc2,csr,0.9,128,f16,1,1e-5,2e-5,mine\n' >times.csv
sproof analyze model.csv --machine machine.json -p csr -s 0.9 -q >/dev/null
sproof explain -q csr@0.9 --times times.csv
