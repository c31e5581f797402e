"""Beyond listing 9-7: a better model, faster loops, evaluation and use. Nothing here is in the book."""
