# Pruned f16 or dense i8?
sproof analyze model.csv -m ./machine.json --against i8 -p 2:4,16x16,csr -s 0.5,0.9
sproof explain 2:4@0.5 -q
sproof plot --kind waterfall -v 16x16@0.9 -t dumb -q
grep -A12 '"options"' sproof.json
# Natively, and the same types on both sides.
sproof analyze model.csv -m ./machine.json --against i8 -p 2:4,csr -s 0.5 --execution native --no-save
sproof analyze model.csv -m ./machine.json --against f16 -p 2:4 -q --no-save | head -1
sproof analyze model.csv -m ./machine.json --against w:i8 -p 2:4 -q --no-save | head -5
