# A variant's rows can only shrink a layer; what is wrong is said for each.
sproof analyze model.csv --machine machine.json
