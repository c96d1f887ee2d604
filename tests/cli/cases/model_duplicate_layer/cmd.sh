# A layer name used twice.
sproof analyze model.csv --machine machine.json 
