"""Foundations: what memory, buses, arithmetic units and launches can do. Every other time is judged by it."""
