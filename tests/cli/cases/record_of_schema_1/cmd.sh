# A record of the first schema, with every layer in it, answers like one made now.
sproof analyze model.csv --execution native --machine machine.json -b 1,8 -q -o new.json >/dev/null
for of in old new; do
    sproof explain mixed -b 8 -i $of.json >$of.txt
    sproof explain 4x4@0.8 -i $of.json --format json >>$of.txt
    sproof plot $of.json --kind layers -o $of.svg -q
done
cmp old.txt new.txt && cmp old.csv new.csv && cmp old.svg new.svg && echo "the same"
sproof compare old.json new.json --layers
