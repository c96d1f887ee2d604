# Patterns.
sproof list patterns
