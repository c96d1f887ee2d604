# Version, build and schemas.
sproof --version | sed -e 's/(commit [^)]*)/(commit COMMIT)/' -e 's/^\([a-z]*\): .*/\1: .../'
