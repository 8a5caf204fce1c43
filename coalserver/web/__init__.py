"""HTTP and event streaming for all APIs and the site. Independent of any one API."""
