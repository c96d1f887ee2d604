# Dense and pruned take half as much time again: no regression.
sproof compare base.json new.json
