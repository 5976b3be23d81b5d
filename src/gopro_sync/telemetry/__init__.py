"""What shows people and machines how the system is doing: logs, metrics, traces, alerts."""
