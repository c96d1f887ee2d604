# The limit is a percentage.
sproof compare base.json base.json --max-regression -3
sproof compare base.json base.json --max-regression 1e9
sproof compare base.json base.json --max-regression 5x
