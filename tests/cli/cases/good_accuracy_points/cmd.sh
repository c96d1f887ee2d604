# An accuracy table brings its own points.
sproof analyze model.csv --machine machine.json --accuracy accuracy.csv
