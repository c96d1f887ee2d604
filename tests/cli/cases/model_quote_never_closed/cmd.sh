# A quote that is never closed.
sproof analyze model.csv --machine machine.json 
