"""The programs of hosted worlds: lists of versions, fetching and checking jars, Java, command lines.

A world starts from `catalog.VersionCatalog`. All failures are `errors.VersionError`.
"""
