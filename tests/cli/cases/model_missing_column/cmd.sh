# No column k.
sproof analyze model.csv --machine machine.json 
