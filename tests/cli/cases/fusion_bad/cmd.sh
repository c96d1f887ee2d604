# An epilogue needs a product above it, and --fusion one of two words.
sproof analyze first.csv --machine machine.json
sproof analyze between.csv --machine machine.json
sproof analyze product.csv --machine machine.json
sproof analyze first.csv --machine machine.json --fusion epilog
