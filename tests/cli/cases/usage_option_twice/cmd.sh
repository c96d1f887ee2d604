# An option given twice.
sproof analyze model.csv --machine machine.json --machine machine.json
