# The help verb explains itself.
sproof help help
