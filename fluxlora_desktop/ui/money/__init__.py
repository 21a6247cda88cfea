"""What was spent: the ledger's page, the card of Settings, the question at the limit."""
