# One point twice.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv
