"""Commands for the repository as a whole: set-up, demo, gallery, tables of results."""
