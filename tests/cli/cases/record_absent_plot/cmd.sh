# plot of a record that is not there.
sproof plot other.json
