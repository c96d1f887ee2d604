# NaN and infinity in number cells.
sproof analyze model.csv --machine machine.json 
