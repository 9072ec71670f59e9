"""Foundations: what memory, buses, arithmetic units and launches can do, by which every other time is to be judged."""
