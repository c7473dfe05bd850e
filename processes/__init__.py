"""What each process of ours begins with: settings, logs, a Redis connection, supervision."""
