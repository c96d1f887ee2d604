# SPDX-License-Identifier: Apache-2.0
# Removes the files that MANIFEST lists, below $DESTDIR when that is set, and those of their
# directories that are called sproof, or lie in one, and are empty then. The target uninstall
# runs it.
if(NOT EXISTS "${MANIFEST}")
  message(FATAL_ERROR "nothing is installed from this build: no ${MANIFEST}")
endif()
file(STRINGS "${MANIFEST}" files)
set(directories "")
foreach(file ${files})
  file(REMOVE "$ENV{DESTDIR}${file}")
  if(EXISTS "$ENV{DESTDIR}${file}")
    message(FATAL_ERROR "$ENV{DESTDIR}${file}: cannot be removed")
  endif()
  get_filename_component(directory "${file}" DIRECTORY)
  while(directory MATCHES "/sproof(/|$)")
    list(APPEND directories "$ENV{DESTDIR}${directory}")
    get_filename_component(directory "${directory}" DIRECTORY)
  endwhile()
endforeach()
list(REMOVE_DUPLICATES directories)
list(SORT directories ORDER DESCENDING) # what lies in a directory before it
foreach(directory ${directories})
  execute_process(COMMAND rmdir "${directory}" ERROR_QUIET) # refuses one that is not empty
endforeach()
list(LENGTH files count)
message(STATUS "removed ${count} files")
