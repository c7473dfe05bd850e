"""Behind the queue: RQ jobs, the worker processes and their schedule."""
