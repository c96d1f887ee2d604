# A negative dimension.
sproof analyze model.csv --machine machine.json 
