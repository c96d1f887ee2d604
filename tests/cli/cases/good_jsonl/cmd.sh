# One object a variant.
sproof analyze model.csv --machine machine.json -p csr,2:4 -s 0.9 --format jsonl # WIDE
