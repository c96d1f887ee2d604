# A record cut short.
head -c 700 base.json >new.json
sproof compare base.json new.json
