"""The images protocol that many servers speak: a prompt in, one picture out."""
