# Computed times: the same, then a slower machine, refused and allowed. KEEPS
sproof analyze model.csv --machine machine.json -p 4x4,csr -s 0.8,0.9 -q -o base.json >/dev/null
sproof compare base.json base.json
sproof analyze model.csv --machine machine.json -p 4x4,csr -s 0.8,0.9 -q -o new.json --set memory.DRAM.bytes_per_s=0.5x >/dev/null
sproof compare base.json new.json
echo "status $?"
sproof compare base.json new.json --allow-mismatch --max-regression 150 -q
echo "status $?"
sproof compare base.json new.json --allow-mismatch
