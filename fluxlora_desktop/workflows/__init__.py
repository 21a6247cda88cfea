"""One function for each thing that a person can ask for; ports in, results in the stores."""
