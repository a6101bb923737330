"""The engine: a call of a recurrent layer in any model, its passes step by step, stacks of layers, and their gates."""
