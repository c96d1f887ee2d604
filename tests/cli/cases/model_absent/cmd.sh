# No such file.
sproof analyze model.csv --machine machine.json
