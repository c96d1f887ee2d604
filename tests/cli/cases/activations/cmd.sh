# Both sparsities: the grid, the layers, and a variant the record lacks, explained.
sproof analyze model.csv -m machine.json -p dense,16x1 -s 0.9 --activation-sparsity 0,90% --layers
sproof explain 16x1@0.95+act0.8 -q
sproof explain 16x1@0.95+act -q | sed -n 2,7p
