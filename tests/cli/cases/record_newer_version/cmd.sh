# A record of a later schema.
sproof analyze model.csv --machine machine.json -p 4x4 -s 0.9 -o old.json >/dev/null
sed 's/"schema_version":2/"schema_version":3/' old.json >record.json
sproof explain -i record.json
