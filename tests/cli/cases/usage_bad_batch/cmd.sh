# Batches that are none.
for list in 0 -1 1.5 x 1,,2 2199023255552; do
    sproof analyze model.csv --machine machine.json --batch=$list
done
