"""What tells people and machines how it goes: logs, metrics, traces, alerts."""
