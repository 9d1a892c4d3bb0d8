"""The pages of owners, planners and technicians."""
