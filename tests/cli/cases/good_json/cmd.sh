# The record on standard output is the one that --layers saves.
sproof analyze model.csv --machine machine.json -p 2:4 --format json # WIDE
sproof analyze model.csv --machine machine.json -p 2:4 --layers --format json >out.json
cmp out.json sproof.json && echo "the same"
