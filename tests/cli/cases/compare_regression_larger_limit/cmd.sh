# A limit may be large: status 0.
sproof compare base.json new.json --max-regression 60%
