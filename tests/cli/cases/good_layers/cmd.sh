# Every layer on the screen.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --layers
