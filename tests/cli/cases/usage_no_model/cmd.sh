# analyze without a model.
sproof analyze
