"""What runs beside: time, which issues commands like anyone else."""
