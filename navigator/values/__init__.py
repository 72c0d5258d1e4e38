"""What states, actions and sequences of a bank are worth, exactly."""
