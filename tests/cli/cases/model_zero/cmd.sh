# A dimension of 0.
sproof analyze model.csv --machine machine.json 
