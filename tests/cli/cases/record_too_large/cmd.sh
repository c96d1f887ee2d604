# What is larger than readers take is not written; what is there all the same is not read. (To a
# device, for a disk need not hold it; of a file nothing would be left.)
awk 'BEGIN { name = "a"; for (i = 0; i < 19; i++) name = name name
    print "layer,m,k,n"; for (i = 0; i < 10; i++) print name i ",64,64,64" }' >wide.csv
grid="--machine machine.json -p csr -s 0.01:0.99:0.0045 -q"
sproof analyze wide.csv $grid --layers -o /dev/null
echo "status $?"
sproof analyze wide.csv $grid >/dev/null
echo "status $?"
sproof explain csr@0.9 -q --format csv | wc -l
dd if=/dev/null of=large.json bs=1 seek=1073741825 2>/dev/null
sproof explain -i large.json
sproof plot large.json
sproof compare sproof.json large.json
echo "status $?"
rm sproof.json
