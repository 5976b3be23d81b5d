"""What a run and a month cost: the model, and AWS's prices."""
