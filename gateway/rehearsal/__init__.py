"""The rehearsal: the whole journey played in virtual time, with everything going wrong that can, and checked throughout."""
