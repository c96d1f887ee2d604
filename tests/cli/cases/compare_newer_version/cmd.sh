# A record of a later schema.
sed 's/"schema_version":1/"schema_version":9/' base.json >new.json
sproof compare base.json new.json
