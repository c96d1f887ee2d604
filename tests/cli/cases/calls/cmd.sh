# Calls of all operators stand in one step, of a call of 5 us; heads share theirs.
sproof analyze model.csv --machine machine.json -p 2:4 --set overhead_s=5e-6
sproof explain
