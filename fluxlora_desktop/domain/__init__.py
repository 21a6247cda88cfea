"""Values, rules, errors and ports: the words of the app, standard library only."""
