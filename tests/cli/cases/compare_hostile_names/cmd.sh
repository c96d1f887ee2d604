# Control characters, long and empty names. WIDE
sproof compare base.json new.json | od -c | grep -c " 033"
sproof compare base.json new.json
sproof compare base.json new.json --format csv | od -c | grep -c " 033"
