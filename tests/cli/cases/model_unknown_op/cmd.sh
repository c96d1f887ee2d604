# An operator nobody knows.
sproof analyze model.csv --machine machine.json 
