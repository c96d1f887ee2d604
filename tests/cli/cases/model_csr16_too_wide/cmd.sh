# 16-bit indices do not reach.
sproof analyze model.csv --machine machine.json 
