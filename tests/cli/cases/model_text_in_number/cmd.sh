# Text where a number belongs.
sproof analyze model.csv --machine machine.json 
