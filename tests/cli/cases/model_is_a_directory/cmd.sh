# A directory where a table belongs.
sproof analyze model.csv --machine machine.json
