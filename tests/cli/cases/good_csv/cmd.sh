# One line a variant.
sproof analyze model.csv --machine machine.json -p csr,4x4,2:4 -s 0.5,0.9 --format csv # WIDE
