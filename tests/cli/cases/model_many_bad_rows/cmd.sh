# More than 20 bad rows.
sproof analyze model.csv --machine machine.json
