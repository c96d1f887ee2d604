# 2:4 fixes its sparsity.
sproof analyze model.csv --machine machine.json 
