"""The one exception that means: what the user gave is wrong, and this is what to do."""


class InputError(ValueError):
    """Bad input (a file, a key, a name). Its message is one line that names it and the remedy.

    Command-line entry points print the message without a traceback and exit with status 1.
    """
