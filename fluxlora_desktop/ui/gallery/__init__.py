"""The Gallery: write a prompt, see the pictures appear, keep and reuse them."""
