# Sparsities out of range, and a range that goes nowhere.
for list in 1.5 150% 0.9:0.5:0.1 0.5:0.9:0 a 0.5,,0.9 ; do
    sproof analyze model.csv --machine machine.json -s $list
done
