# A type for each operand: stored weights with their scales, wide outputs; from a record too. KEEPS
sproof analyze model.csv -m ./machine.json -d w:i4/64,y:f32 -p 2:4,csr -s 0.5
sproof analyze model.csv -m ./machine.json -d w:q4_K -p 2:4 -q --no-save -l -f csv | cut -d, -f1,10-13
sproof explain 2:4@0.5 -q
sproof plot --kind sparsity -t dumb -q | sed -n 1,2p
sproof analyze model.csv -m ./machine.json -d w:f16,x:f16,y:f16 -p 2:4 -s 0.5 -q -o f16.json | head -1
sproof compare sproof.json f16.json
sproof analyze model.csv -m ./machine.json -p 2:4 -s 0.5 -q --against i8 -o i8.json | head -1
sproof compare i8.json f16.json
