# The same time more in each call, whatever the layer's size, is a set-up; of one network it may
# be.
printf 'layer,m,k,n\nsmall,768,768,128\nlarge,6144,6144,128\n' >model.csv
printf 'layer,dense_s,sparse_s\nsmall,6us,350us\nlarge,80us,440us\n' >times.csv
sproof analyze model.csv --machine machine.json -p csr -s 0.9 -q >/dev/null
sproof explain -q csr@0.9 --times times.csv | sed -n '/^Your layers/,$p'
sproof explain -q csr@0.9 --measured dense=86us,sparse=790us | sed -n '/^Your/,$p'
