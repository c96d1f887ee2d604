# The record would replace a directory.
mkdir out
sproof analyze model.csv --machine machine.json -p 4x4 -o out
