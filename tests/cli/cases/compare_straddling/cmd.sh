# The limit inside one interval, another case too noisy: status 3.
sproof compare base.json new.json
