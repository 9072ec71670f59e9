"""Pages for a browser: one self-contained HTML file each, which requests nothing."""
