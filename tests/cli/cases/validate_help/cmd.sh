# What validate can do.
sproof help validate
