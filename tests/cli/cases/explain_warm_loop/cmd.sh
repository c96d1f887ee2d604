# A time below the bound, in a loop whose operands stay in the last cache; a network that does not
# fit; and the analysis that has them there. KEEPS
sed 's/"bytes":41943040,"shared":true,"bytes_per_s":null/"bytes":75497472,"shared":true,"bytes_per_s":null/; s/1555e9/1008e9/' machine.json >rtx.json
printf 'layer,m,k,n\nfc,3584,3584,64\n' >model.csv
printf 'layer,m,k,n,count\nfc,3584,3584,64,1\nup,7168,3584,64,2\n' >large.csv
sproof analyze model.csv -m rtx.json -p 2:4 -q >/dev/null
sproof explain -q 2:4@0.5 --measured dense=22.118us,sparse=22.525us | sed -n '/^Your/,$p'
printf 'layer,dense_s,sparse_s\nfc,22.118us,22.525us\n' >times.csv
sproof explain -q 2:4@0.5 --times times.csv | sed -n '/^Your/,$p'
printf 'layer,m,k,n\nfc,3584,3584,64\nup,1792,3584,64\n' >two.csv
sproof analyze two.csv -m rtx.json -p 2:4 -q >/dev/null
sproof explain -q 2:4@0.5 --measured dense=22.118us,sparse=22.525us | sed -n '/^No verdict/,$p'
sproof analyze large.csv -m rtx.json -p 2:4 -q >/dev/null
sproof explain -q 2:4@0.5 --measured dense=22.118us,sparse=22.525us | sed -n '/^No verdict/,$p'
sproof analyze model.csv -m rtx.json -p 2:4 -r warm -q >/dev/null
sproof explain -q 2:4@0.5 --measured dense=22.118us,sparse=22.525us | sed -n '/^Your/,$p'
