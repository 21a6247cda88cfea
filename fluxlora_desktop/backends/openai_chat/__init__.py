"""The chat protocol that many servers speak: a photo and a question in, words out."""
