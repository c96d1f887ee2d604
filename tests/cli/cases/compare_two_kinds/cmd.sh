# An analysis and a validation. KEEPS
sproof analyze model.csv --machine machine.json -p 4x4,csr -s 0.8,0.9 -q -o new.json >/dev/null
sproof compare base.json new.json
