# A kind of picture with a typing mistake.
sproof plot --kind rofline
