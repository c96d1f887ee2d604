# A grid beside an accuracy table: points, interpolation, no extrapolation.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv -p csr,4x4 -s 0.4,0.65,0.85,0.95 --format csv # WIDE
