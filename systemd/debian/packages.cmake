# What cpack makes: a Debian package of each component. To be configured with the prefix /usr: see the preset `package`.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME feedd)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "feed daemon: share, follow, fan out, stream")
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT "the feedd authors <feedd@example.org>")
set(CPACK_PACKAGING_INSTALL_PREFIX ${CMAKE_INSTALL_PREFIX})
set(CPACK_STRIP_FILES ON)
set(CPACK_PRE_BUILD_SCRIPTS ${CMAKE_CURRENT_LIST_DIR}/compress.cmake)
set(CPACK_COMPONENTS_ALL feedd feedctl feedbench libfeed libfeed-dev)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS OFF)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)

foreach(row
    "feedd|net|redis-server (>= 5:7.0), init-system-helpers (>= 1.54)|feedctl|daemon that brings what people share to those who follow them"
    "feedctl|net|||client of feedd for the command line"
    "feedbench|net|feedd||measurements of feedd beside what people would use instead"
    "libfeed|libs|||library for clients of feedd"
    "libfeed-dev|libdevel|libfeed (= ${PROJECT_VERSION}), libevent-dev, libprotobuf-c-dev||library for clients of feedd: development files")
  string(REPLACE "|" ";" row "${row}")
  list(GET row 0 package)
  list(GET row 1 section)
  list(GET row 2 depends)
  list(GET row 3 recommends)
  list(GET row 4 summary)
  string(TOUPPER ${package} PACKAGE)
  set(CPACK_DEBIAN_${PACKAGE}_PACKAGE_NAME ${package})
  set(CPACK_DEBIAN_${PACKAGE}_PACKAGE_SECTION ${section})
  set(CPACK_DEBIAN_${PACKAGE}_PACKAGE_DEPENDS "${depends}")
  set(CPACK_DEBIAN_${PACKAGE}_PACKAGE_RECOMMENDS "${recommends}")
  set(CPACK_COMPONENT_${PACKAGE}_DESCRIPTION "${summary}
 feedd is a feed daemon: subjects share links, their followers find them in
 their home timelines, and those who are connected see them at once.")
  install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package} RENAME copyright
    COMPONENT ${package})
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/changelog.gz DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/${package}
    COMPONENT ${package})
endforeach()
configure_file(${CMAKE_CURRENT_LIST_DIR}/changelog.in changelog @ONLY)
execute_process(COMMAND gzip -9nkf ${CMAKE_CURRENT_BINARY_DIR}/changelog COMMAND_ERROR_IS_FATAL ANY)

# The service: dpkg asks before it replaces a configuration that was changed.
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/conffiles "${CMAKE_INSTALL_FULL_SYSCONFDIR}/feedd/feedd.conf\n")
set(CPACK_DEBIAN_FEEDD_PACKAGE_CONTROL_EXTRA
  ${CMAKE_CURRENT_BINARY_DIR}/conffiles
  ${CMAKE_CURRENT_LIST_DIR}/postinst
  ${CMAKE_CURRENT_LIST_DIR}/prerm
  ${CMAKE_CURRENT_LIST_DIR}/postrm)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/triggers "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_LIBFEED_PACKAGE_CONTROL_EXTRA ${CMAKE_CURRENT_BINARY_DIR}/triggers)
include(CPack)
