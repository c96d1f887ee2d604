# One kernel takes half as much time again: status 1.
sproof compare base.json new.json
