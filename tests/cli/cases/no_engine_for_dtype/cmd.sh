# No engine takes the dtype.
sproof analyze model.csv --machine machine.json --dtype f64
