"""Other people's models as quality models: functions, networks, files, and services, one family a module."""
