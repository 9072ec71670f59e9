"""Returns a list."""


def fares(kilometres, minutes, night):
    rides = zip(kilometres.tolist(), minutes.tolist(), night.tolist(), strict=True)
    return [max((1.25 if dark else 1.0) * (3.0 + 1.9 * distance + 0.4 * time), 6.0) for distance, time, dark in rides]
