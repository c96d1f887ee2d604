# Times of the two layouts are no regression of each other: status 2.
sproof compare base.json new.json
