"""The judging wing: figures from scores. It knows no framework."""
