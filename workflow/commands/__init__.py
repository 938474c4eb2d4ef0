"""What a person asks for by name: python -m workflow COMMAND."""
