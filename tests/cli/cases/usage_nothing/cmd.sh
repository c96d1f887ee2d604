# No verb at all.
sproof
