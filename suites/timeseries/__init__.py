"""Time series: forecasts and anomalies."""
