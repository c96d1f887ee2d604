# Two records are needed.
sproof compare base.json
