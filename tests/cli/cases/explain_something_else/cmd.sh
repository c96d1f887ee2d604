# Both times at 1 % of their bounds: nothing is said of a sparse kernel, faster or slower
# (neuralmagic/sparseml #2164).
printf 'layer,m,k,n,count\nfc,1024,1024,49,50\n' >model.csv
sproof analyze model.csv --machine machine.json -p csr -s 0.7,0.9 -q >/dev/null
sproof explain -q csr@0.9 --measured dense=7.969ms,sparse=9.973ms | sed -n '/^Your/,$p'
sproof explain -q csr@0.7 --measured dense=7.969ms,sparse=6.981ms | sed -n '/^Your/,$p'
