"""What a message gives and what it asks for: functions of one message, none of which knows another or calls a model."""
