# A block larger than a layer: left dense in a grid, with a reason.
sproof analyze model.csv --machine machine.json -p 32x32 -s 0.9 --layers --format csv | cut -d, -f1-5,23- # WIDE
