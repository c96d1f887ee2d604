# Variants whose layers are smaller, alone, with a pattern, and gone; read back from the record.
sproof analyze model.csv --machine machine.json --layers
sproof explain half
sproof explain shallow
sproof analyze model.csv --machine machine.json --no-save --format csv | cut -d, -f1-3,11
# Without --layers the record has what was pruned alone.
sproof analyze model.csv --machine machine.json -q > /dev/null
sproof explain both
