# A block larger than its layer: a warning in a table.
sproof analyze model.csv --machine machine.json 
