# Epilogues inside their products; the last lines say what the other choice gives.
sproof analyze model.csv --machine machine.json -p 2:4 --no-save
sproof analyze model.csv --machine machine.json -p 2:4 --fusion epilogue --layers
sproof explain
