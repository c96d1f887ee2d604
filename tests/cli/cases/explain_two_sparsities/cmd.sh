# Equal times have two readings; rows at another sparsity decide. A layer with one sparsity, and a
# pattern that has but one, stay open.
printf 'layer,m,k,n\nfc1,3072,768,128\nfc2,768,3072,128\n' >model.csv
sproof analyze model.csv --machine machine.json -p csr,2:4 -s 0.5,0.95 -q >/dev/null
rows() { printf 'layer,pattern,sparsity,dense_s,sparse_s\nfc1,csr,0.95,10us,10us\nfc2,csr,0.95,10us,10.1us\n' >times.csv; }
rows
sproof explain -q csr@0.95 --times times.csv | sed -n '/^Your layers/,$p'
rows && printf 'fc1,csr,0.5,10us,10.2us\nfc2,csr,50%%,10us,9.9us\n' >>times.csv
sproof explain -q csr@0.95 --times times.csv | sed -n '/^Your layers/,$p'
rows && printf 'fc1,csr,0.5,10us,41us\nfc2,csr,0.5,10us,42us\n' >>times.csv
sproof explain -q csr@0.95 --times times.csv | sed -n '/^Your layers/,$p'
sproof explain -q 2:4@0.5 --measured dense=20us,sparse=20us | sed -n '/^Verdict/,$p'
