"""Simulated shoppers: clients of the HTTP API like any other, with a taste of their own."""
