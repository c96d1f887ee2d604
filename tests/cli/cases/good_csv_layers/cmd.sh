# One line a layer.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 --format csv --layers # WIDE
