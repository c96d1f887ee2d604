# A pattern with a typing mistake.
sproof analyze model.csv --machine machine.json -p crs,4x4
