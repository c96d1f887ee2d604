# Models: a line for each that is shipped.
sproof list models
