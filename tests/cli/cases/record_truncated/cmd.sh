# A record cut short.
printf '{\n "schema":"sproof/analysis",\n "schema_version":1,\n "tool":{"na' >record.json
sproof explain -i record.json
