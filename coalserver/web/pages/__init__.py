"""HTML pages: templates, languages, cookies and forms."""
