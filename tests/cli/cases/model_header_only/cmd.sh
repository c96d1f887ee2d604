# A header and no rows.
sproof analyze model.csv --machine machine.json 
