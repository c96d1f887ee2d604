# An empty layer table.
sproof analyze model.csv --machine machine.json 
