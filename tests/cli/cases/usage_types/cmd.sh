# Types that there are not, or not there.
for types in i4 w:i9 y:i4 x:q4_K w:i32 z:f16 w:f16/32 w:i4/0 w:i4,w:i8 w:i4,f16 w:fp8,x:fp8; do
    sproof analyze model.csv -m ./machine.json -d $types
done
sproof analyze model.csv -m ./machine.json --against fp16
sproof analyze model.csv -m ./machine.json --against fp8
sproof validate model.csv -d w:i4
