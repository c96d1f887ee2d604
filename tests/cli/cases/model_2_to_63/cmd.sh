# More than fits 64 bits.
sproof analyze model.csv --machine machine.json 
