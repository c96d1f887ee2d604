# One variant by name, and a name nobody knows.
sproof analyze model.csv --machine machine.json -q >/dev/null
sproof explain csr@0.9
sproof explain csr@0.91
