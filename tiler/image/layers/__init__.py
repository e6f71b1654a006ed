"""What is laid over each other: cutouts, what lies behind them, and the light that passes between the two."""
