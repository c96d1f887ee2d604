# What residency network takes for granted, where it does: all fits, only pruned it does, nothing fits.
for count in 1 12 2000; do
    printf 'layer,m,k,n,count\nfc,3072,768,128,%d\n' "$count" >net.csv
    sproof analyze net.csv --machine machine.json --residency network -p 4x4 -s 0.9 -q >answer
    sed '/^Hardware/q' answer
    sproof explain 4x4@0.9 -q | grep -c '^residency network'
done
sproof analyze net.csv --machine machine.json --residency warm -p 4x4 -s 0.9 -q --no-save | grep -c '^residency network' || :
