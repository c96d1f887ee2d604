# All of it. WIDE
sproof compare base.json new.json --format json
