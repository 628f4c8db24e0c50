"""The small scope: two machines, a scheduler and its rival, and every order of what can happen."""
