# A layout that there is none of.
sproof analyze model.csv --machine machine.json --layout nm
