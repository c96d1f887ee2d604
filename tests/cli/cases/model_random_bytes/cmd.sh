# A binary file.
sproof analyze model.csv --machine machine.json
