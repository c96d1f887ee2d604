# Sparsities beyond 1 and 100 %.
sproof analyze model.csv --machine machine.json 
