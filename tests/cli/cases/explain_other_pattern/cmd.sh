# A pattern the record lacks is evaluated from its layers.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 -q >/dev/null
sproof explain -q csr@0.95
