"""Routes planned anew: files of published instances, a solver in a process of its own, and the desk's own days."""
