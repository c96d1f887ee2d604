# Long names, several thread counts: 80 columns.
sproof compare base.json new.json
