"""`make try`: a local page on which a reader's own text, series, sentence, photo and face go through the examples."""
