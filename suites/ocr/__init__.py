"""OCR: from a scanned page to its text."""
