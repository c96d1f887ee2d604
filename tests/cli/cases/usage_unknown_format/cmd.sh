# A format with a typing mistake.
sproof analyze model.csv --machine machine.json --format jsn
